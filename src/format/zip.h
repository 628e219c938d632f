// The part of the zip format that PyTorch's files use, read and written strictly.
//
// A reader here trusts nothing: every offset, length and name is proven against the bytes at hand,
// entries may not overlap or share a name, and an entry's data is a view of the file, so that no
// size field can make it allocate. Read() gives out stored (uncompressed) data only: PyTorch never
// compresses tensors, and without inflating there are no zip bombs. Extract() inflates, within a
// bound that the caller sets.
// Layout: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3.7 (local header), 4.3.12 (central directory),
// 4.3.14 to 4.3.16 (end records), 4.5.3 (zip64).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace deixis {

// CRC-32 as zip and PNG define it (reflected polynomial 0xEDB88320). Give the answer for the first
// part as `previous` to continue.
uint32_t Crc32(std::span<const std::byte> bytes, uint32_t previous = 0);

struct ZipEntry {
  std::string_view name;            // as it lies in the file: not proven to be printable
  bool is_stored = true;            // neither compressed nor encrypted
  uint32_t crc32 = 0;               // 0 also when the writer left it out
  std::span<const std::byte> data;  // as it lies in the file
  // What the directory says of it; Extract() holds it to that.
  uint16_t method = 0;  // 0 stored, 8 deflate
  bool is_encrypted = false;
  bool is_link = false;  // a symbolic link of Unix; its data is the path
  uint64_t original_bytes = 0;
};

// The entries of an archive; views of the bytes that were given, which must outlive it.
class ZipArchive {
 public:
  // kInvalidData when anything is inconsistent. O(n log n) in the number of entries; data is not
  // read.
  static Result<ZipArchive> Open(std::span<const std::byte> bytes);

  // In order of name.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* Find(std::string_view name) const;

  // The data of an entry, proven to be stored and to match its checksum. O(size).
  static Result<std::span<const std::byte>> Read(const ZipEntry& entry);

  // A copy of the entry's data, inflated if need be: exactly `original_bytes`, which must be at
  // most `max_bytes`. kInvalidData for anything else, for a checksum that does not match and for
  // entries that are encrypted or compressed by another method than deflate. Needs no more memory
  // than the answer and 64 KiB. From any thread.
  static Result<std::vector<std::byte>> Extract(const ZipEntry& entry, uint64_t max_bytes);

 private:
  std::vector<ZipEntry> entries_;
};

// Writes stored entries, the data of each at a multiple of 64 bytes, as PyTorch's own writer does.
// Archives end below 4 GiB. The file appears under its name in Finish() and not before.
class ZipWriter {
 public:
  static Result<ZipWriter> Create(const std::string& path);

  // Names must be unique and below 64 KiB.
  Status Add(std::string_view name, std::span<const std::byte> data);
  Status Finish();

 private:
  explicit ZipWriter(AtomicFile file) : file_(std::move(file)) {}

  AtomicFile file_;
  uint64_t offset_ = 0;
  uint16_t num_entries_ = 0;
  std::string directory_;  // the central directory so far
};

}  // namespace deixis
