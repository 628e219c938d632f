// Writes a zip archive of stored entries, each aligned as PyTorch aligns them.
#include "format/printable.h"
#include "format/zip.h"
#include "format/zip_records.h"

namespace deixis {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kMaxArchiveBytes = 0xFFFFFFFF;
constexpr uint16_t kVersion = 20;                        // 2.0: the oldest that every tool reads
constexpr uint16_t kUtf8Flag = 1 << 11;                  // names are UTF-8
constexpr uint16_t kDosEpoch = (0 << 9) | (1 << 5) | 1;  // 1980-01-01: the same bytes every time
constexpr uint16_t kPaddingExtra = 0x4246;  // "FB": an extra field that only fills space

void Append(std::string& out, uint64_t value, int num_bytes) {
  for (int i = 0; i < num_bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

// The fields that the local header and the central record share, from "version needed" on.
void AppendCommon(std::string& out, uint32_t crc, uint64_t size, size_t name_bytes,
                  uint64_t extra_bytes) {
  Append(out, kVersion, 2);
  Append(out, kUtf8Flag, 2);
  Append(out, kZipMethodStored, 2);
  Append(out, 0, 2);  // 00:00
  Append(out, kDosEpoch, 2);
  Append(out, crc, 4);
  Append(out, size, 4);
  Append(out, size, 4);
  Append(out, name_bytes, 2);
  Append(out, extra_bytes, 2);
}

}  // namespace

Result<ZipWriter> ZipWriter::Create(const std::string& path) {
  DEIXIS_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  return ZipWriter(std::move(file));
}

Status ZipWriter::Add(std::string_view name, std::span<const std::byte> data) {
  if (name.size() > 0xFFFF) {
    return UsageError("zip archive: expected names below 64 KiB, found " + Quoted(name));
  }
  // An extra field of at least its own four bytes of header moves the data to the next multiple.
  const uint64_t unpadded = offset_ + kZipLocalBytes + name.size() + 4;
  const uint64_t padding_bytes = (kAlignment - unpadded % kAlignment) % kAlignment;
  const uint64_t end = unpadded + padding_bytes + data.size();
  if (end + directory_.size() > kMaxArchiveBytes - (1 << 20) || num_entries_ == 0xFFFE) {
    return ResourceError("zip archive: expected less than 4 GiB in less than 65535 entries",
                         "write a safetensors file instead");
  }
  const uint32_t crc = Crc32(data);
  std::string header;
  Append(header, kZipLocalSignature, 4);
  AppendCommon(header, crc, data.size(), name.size(), 4 + padding_bytes);
  header += name;
  Append(header, kPaddingExtra, 2);
  Append(header, padding_bytes, 2);
  header.append(padding_bytes, 'Z');
  DEIXIS_RETURN_IF_ERROR(file_.Write(header));
  DEIXIS_RETURN_IF_ERROR(file_.Write(data));

  Append(directory_, kZipCentralSignature, 4);
  Append(directory_, kVersion, 2);  // made by
  AppendCommon(directory_, crc, data.size(), name.size(), 0);
  Append(directory_, 0, 2 + 2 + 2);  // no comment, first disk, no internal attributes
  Append(directory_, 0, 4);          // no external attributes
  Append(directory_, offset_, 4);
  directory_ += name;
  offset_ = end;
  ++num_entries_;
  return Ok();
}

Status ZipWriter::Finish() {
  std::string end;
  Append(end, kZipEndSignature, 4);
  Append(end, 0, 4);  // one disk
  Append(end, num_entries_, 2);
  Append(end, num_entries_, 2);
  Append(end, directory_.size(), 4);
  Append(end, offset_, 4);
  Append(end, 0, 2);  // no comment
  DEIXIS_RETURN_IF_ERROR(file_.Write(directory_));
  DEIXIS_RETURN_IF_ERROR(file_.Write(end));
  return file_.Commit();
}

}  // namespace deixis
