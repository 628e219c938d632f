#include "format/zip.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"
#include "format/printable.h"
#include "format/zip_records.h"

namespace deixis {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kEnd64Signature = 0x06064B50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064B50;
constexpr size_t kCentralBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kEnd64LocatorBytes = 20;
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint16_t kEncryptedFlag = 1;

constexpr char kRemedy[] = "the file is damaged or was not written by torch.save; get it again";

// Little-endian fields. The caller has proven that they lie within `bytes`.
template <typename T>
T Field(Bytes bytes, uint64_t offset) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[offset + i]) << (8 * i)));
  }
  return value;
}
uint16_t U16(Bytes bytes, uint64_t offset) { return Field<uint16_t>(bytes, offset); }
uint32_t U32(Bytes bytes, uint64_t offset) { return Field<uint32_t>(bytes, offset); }
uint64_t U64(Bytes bytes, uint64_t offset) { return Field<uint64_t>(bytes, offset); }

Error Broken(const std::string& finding) { return InvalidData("zip archive: " + finding, kRemedy); }

// Where the central directory lies, and how many entries it has.
struct Directory {
  uint64_t num_entries = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t limit = 0;  // where the end records begin
};

// The end record is the last thing in the file, but for a comment of at most 64 KiB.
std::optional<uint64_t> FindEndRecord(Bytes bytes) {
  if (bytes.size() < kEndBytes) return std::nullopt;
  const uint64_t last = bytes.size() - kEndBytes;
  const uint64_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (uint64_t offset = last + 1; offset-- > first;) {
    if (U32(bytes, offset) != kZipEndSignature) continue;
    if (offset + kEndBytes + U16(bytes, offset + 20) == bytes.size()) return offset;
  }
  return std::nullopt;
}

// The zip64 record, when a locator before the end record points to one, replaces what the end
// record says; what the end record does say must agree.
Status ApplyEnd64(Bytes bytes, uint64_t end_offset, Directory& directory) {
  if (end_offset < kEnd64LocatorBytes) return Ok();
  const uint64_t locator = end_offset - kEnd64LocatorBytes;
  if (U32(bytes, locator) != kEnd64LocatorSignature) return Ok();
  const uint64_t record = U64(bytes, locator + 8);
  if (!RangeFits(record, kEnd64Bytes, locator) || U32(bytes, record) != kEnd64Signature) {
    return Broken("its zip64 end record is not where the locator says");
  }
  const Directory wide{U64(bytes, record + 32), U64(bytes, record + 48), U64(bytes, record + 40),
                       record};
  const auto agrees = [](uint64_t narrow, uint64_t saturated, uint64_t value) {
    return narrow == saturated || narrow == value;
  };
  if (!agrees(directory.num_entries, 0xFFFF, wide.num_entries) ||
      !agrees(directory.size, 0xFFFFFFFF, wide.size) ||
      !agrees(directory.offset, 0xFFFFFFFF, wide.offset)) {
    return Broken("its two end records contradict each other");
  }
  directory = wide;
  return Ok();
}

Result<Directory> FindDirectory(Bytes bytes) {
  const auto end = FindEndRecord(bytes);
  if (!end) return Broken("no end record: the file is cut short");
  if (U16(bytes, *end + 4) != U16(bytes, *end + 6) ||
      U16(bytes, *end + 8) != U16(bytes, *end + 10)) {
    return Broken("it is one part of a split archive");
  }
  Directory directory{U16(bytes, *end + 10), U32(bytes, *end + 16), U32(bytes, *end + 12), *end};
  DEIXIS_RETURN_IF_ERROR(ApplyEnd64(bytes, *end, directory));
  if (!RangeFits(directory.offset, directory.size, directory.limit)) {
    return Broken("its directory of " + std::to_string(directory.size) + " bytes at " +
                  std::to_string(directory.offset) + " does not fit into the file");
  }
  if (directory.num_entries > directory.size / kCentralBytes) {
    return Broken("its directory of " + std::to_string(directory.size) + " bytes cannot hold " +
                  std::to_string(directory.num_entries) + " entries");
  }
  return directory;
}

// One record of the central directory, as far as it matters here.
struct CentralRecord {
  std::string_view name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t stored_bytes = 0;
  uint64_t original_bytes = 0;
  uint64_t local_offset = 0;
  bool is_link = false;
};

// Saturated 32-bit fields stand as 64-bit ones in an extra field, in this order.
Status ApplyZip64Extra(Bytes extra, CentralRecord& record) {
  while (extra.size() >= 4) {
    const uint16_t id = U16(extra, 0);
    const uint16_t size = U16(extra, 2);
    if (size > extra.size() - 4) break;
    if (id == kZip64Extra) {
      Bytes values = extra.subspan(4, size);
      for (uint64_t* field : {&record.original_bytes, &record.stored_bytes, &record.local_offset}) {
        if (*field != 0xFFFFFFFF) continue;
        if (values.size() < 8) {
          return Broken("entry " + Quoted(record.name) + ": its zip64 sizes are cut short");
        }
        *field = U64(values, 0);
        values = values.subspan(8);
      }
      return Ok();
    }
    extra = extra.subspan(4 + size_t{size});
  }
  return Ok();
}

// Reads the record at the front of `directory` and removes it there.
Result<CentralRecord> TakeCentralRecord(Bytes& directory) {
  if (directory.size() < kCentralBytes || U32(directory, 0) != kZipCentralSignature) {
    return Broken("its directory is damaged");
  }
  const size_t name_bytes = U16(directory, 28);
  const size_t extra_bytes = U16(directory, 30);
  const size_t total = kCentralBytes + name_bytes + extra_bytes + U16(directory, 32);
  if (total > directory.size()) return Broken("its directory is cut short");
  const bool is_of_unix = (U16(directory, 4) >> 8) == 3;
  const uint32_t unix_mode = U32(directory, 38) >> 16;
  CentralRecord record{
      .name = {reinterpret_cast<const char*>(directory.data()) + kCentralBytes, name_bytes},
      .flags = U16(directory, 8),
      .method = U16(directory, 10),
      .crc32 = U32(directory, 16),
      .stored_bytes = U32(directory, 20),
      .original_bytes = U32(directory, 24),
      .local_offset = U32(directory, 42),
      .is_link = is_of_unix && (unix_mode & 0170000) == 0120000,
  };
  DEIXIS_RETURN_IF_ERROR(
      ApplyZip64Extra(directory.subspan(kCentralBytes + name_bytes, extra_bytes), record));
  directory = directory.subspan(total);
  return record;
}

// The entry's data, found through its local header. `limit` is where the directory begins.
Result<ZipEntry> LocateData(Bytes bytes, uint64_t limit, const CentralRecord& record) {
  const auto broken = [&](const std::string& finding) {
    return Broken("entry " + Quoted(record.name) + ": " + finding);
  };
  if (!RangeFits(record.local_offset, kZipLocalBytes, limit) ||
      U32(bytes, record.local_offset) != kZipLocalSignature) {
    return broken("no local header at byte " + std::to_string(record.local_offset));
  }
  const uint64_t name_bytes = U16(bytes, record.local_offset + 26);
  const uint64_t name_offset = record.local_offset + kZipLocalBytes;
  const uint64_t data_offset = name_offset + name_bytes + U16(bytes, record.local_offset + 28);
  if (!RangeFits(data_offset, record.stored_bytes, limit)) {
    return broken("its " + std::to_string(record.stored_bytes) + " bytes do not fit into the file");
  }
  const std::string_view local_name(reinterpret_cast<const char*>(bytes.data()) + name_offset,
                                    name_bytes);
  if (local_name != record.name) {
    return broken("its local header is named " + Quoted(local_name));
  }
  const bool is_stored = record.method == kZipMethodStored && (record.flags & kEncryptedFlag) == 0;
  if (is_stored && record.stored_bytes != record.original_bytes) {
    return broken("it is stored as it is, but its two sizes differ");
  }
  return ZipEntry{.name = record.name,
                  .is_stored = is_stored,
                  .crc32 = record.crc32,
                  .data = bytes.subspan(data_offset, record.stored_bytes),
                  .method = record.method,
                  .is_encrypted = (record.flags & kEncryptedFlag) != 0,
                  .is_link = record.is_link,
                  .original_bytes = record.original_bytes};
}

// The bytes that an entry takes, from its local header to the end of its data.
struct Extent {
  uint64_t begin;
  uint64_t end;
  std::string_view name;
};

Status CheckNoOverlap(std::vector<Extent>& extents) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) {
      return Broken("entries " + Quoted(extents[i - 1].name) + " and " + Quoted(extents[i].name) +
                    " overlap");
    }
  }
  return Ok();
}

}  // namespace

Result<ZipArchive> ZipArchive::Open(std::span<const std::byte> bytes) {
  DEIXIS_ASSIGN(const Directory directory, FindDirectory(bytes));
  Bytes rest = bytes.subspan(directory.offset, directory.size);
  ZipArchive archive;
  std::vector<Extent> extents;
  archive.entries_.reserve(directory.num_entries);
  extents.reserve(directory.num_entries);
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    DEIXIS_ASSIGN(const CentralRecord record, TakeCentralRecord(rest));
    DEIXIS_ASSIGN(const ZipEntry entry, LocateData(bytes, directory.offset, record));
    const auto data_end =
        static_cast<uint64_t>(entry.data.data() - bytes.data()) + entry.data.size();
    extents.push_back({record.local_offset, data_end, record.name});
    archive.entries_.push_back(entry);
  }
  if (!rest.empty()) return Broken("its directory has more entries than it says");
  DEIXIS_RETURN_IF_ERROR(CheckNoOverlap(extents));
  std::sort(archive.entries_.begin(), archive.entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  for (size_t i = 1; i < archive.entries_.size(); ++i) {
    if (archive.entries_[i].name == archive.entries_[i - 1].name) {
      return Broken("two entries are named " + Quoted(archive.entries_[i].name));
    }
  }
  return archive;
}

const ZipEntry* ZipArchive::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), name,
      [](const ZipEntry& entry, std::string_view key) { return entry.name < key; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

Result<std::span<const std::byte>> ZipArchive::Read(const ZipEntry& entry) {
  if (!entry.is_stored) {
    return InvalidData(
        "zip archive: entry " + Quoted(entry.name) +
            ": expected stored data, found compressed or encrypted",
        "pack it again without compression (zip -0), or save it again with torch.save");
  }
  // Writers that compute no checksums leave 0 (torch.serialization.set_crc32_options).
  if (entry.crc32 != 0 && Crc32(entry.data) != entry.crc32) {
    return Broken("entry " + Quoted(entry.name) + ": its checksum does not match: it is damaged");
  }
  return entry.data;
}

}  // namespace deixis
