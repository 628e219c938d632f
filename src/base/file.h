// Files: read whole or mapped, and written so that a reader finds the old file or the new one,
// never half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis {

// A whole file mapped for reading. The mapping lives as long as any shared_ptr to it, so tensors
// that view it keep it alive. Pages are read when they are first touched.
class MappedFile {
 public:
  // kNotFound when there is no such file, kInvalidData when it is a folder or not readable.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

// Writes to a temporary file beside `path` and renames it over `path` in Commit(), after the bytes
// have reached the disk. Without Commit() the temporary file is removed and `path` is as it was;
// a process killed in between leaves at most a file whose name ends in ".tmp-<pid>".
class AtomicFile {
 public:
  // kResources when there is no room or no permission, kNotFound when the folder does not exist.
  static Result<AtomicFile> Create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status Write(std::span<const std::byte> bytes);
  Status Write(std::string_view text);
  Status Commit();
  // The same without waiting for the disk: a reader finds a whole file or none, but a power cut may
  // take it.
  Status CommitUnsynced();

 private:
  AtomicFile(int descriptor, std::string path, std::string temporary_path);
  int descriptor_ = -1;
  std::string path_;
  std::string temporary_path_;
};

// Create, write, commit.
Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);
Status WriteFileAtomically(const std::string& path, std::string_view text);

// The whole file as text; refused beyond `max_bytes`.
Result<std::string> ReadTextFile(const std::string& path, int64_t max_bytes = int64_t{64} << 20);

}  // namespace deixis
