// Small writers of pickles, zip archives and checkpoints for tests, apart from the ones that ship
// so that a mistake in one does not hide in the other. They write whatever they are told, hostile
// files above all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/zip.h"

// GCC 12 sees an overlap in every "literal" + std::string (GCC bug 105651).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

namespace deixis::testing {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string LittleEndian(uint64_t value, int num_bytes) {
  std::string text;
  for (int i = 0; i < num_bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

// Pieces of a pickle of protocol 2. Concatenate them.
inline std::string Global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string Text(std::string_view text) {
  return "X" + LittleEndian(text.size(), 4) + std::string(text);
}
inline std::string Int(int64_t value) {
  return "\x8A\x08" + LittleEndian(static_cast<uint64_t>(value), 8);
}
inline std::string Tuple(const std::vector<std::string>& items) {
  std::string text = "(";
  for (const std::string& item : items) text += item;
  return text + "t";
}
inline std::string Ints(const std::vector<int64_t>& values) {
  std::string text = "(";
  for (const int64_t value : values) text += Int(value);
  return text + "t";
}
// A dict from keys and values in turn.
inline std::string Dict(const std::vector<std::string>& items) {
  std::string text = "}(";
  for (const std::string& item : items) text += item;
  return text + "u";
}
inline std::string Call(const std::string& function, const std::vector<std::string>& arguments) {
  return function + Tuple(arguments) + "R";
}
inline std::string EmptyOrderedDict() { return Global("collections", "OrderedDict") + ")R"; }
inline std::string Pickle(const std::string& body) { return "\x80\x02" + body + "."; }

struct StorageSpec {
  std::string type = "FloatStorage";
  std::string key = "0";
  int64_t num_elements = 0;
  std::string view = "";  // a piece: the sixth part of old files' ids
};
inline std::string Storage(const StorageSpec& spec) {
  std::vector<std::string> parts = {Text("storage"), Global("torch", spec.type), Text(spec.key),
                                    Text("cpu"), Int(spec.num_elements)};
  if (!spec.view.empty()) parts.push_back(spec.view);
  return Tuple(parts) + "Q";
}

struct TensorSpec {
  std::string storage;  // a piece
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};
inline std::string RebuildTensor(const TensorSpec& spec) {
  return Call(Global("torch._utils", "_rebuild_tensor_v2"),
              {spec.storage, Int(spec.offset), Ints(spec.shape), Ints(spec.strides), "\x89",
               EmptyOrderedDict()});
}

// An entry of an archive; what is set replaces what would be true.
struct ZipSpec {
  std::string name;
  std::string data = "";
  std::optional<std::string> local_name = std::nullopt;
  std::optional<uint32_t> crc32 = std::nullopt;
  std::optional<uint32_t> stored_bytes = std::nullopt;
  std::optional<uint32_t> original_bytes = std::nullopt;
  std::optional<uint32_t> local_offset = std::nullopt;
  uint16_t flags = 0;
  uint16_t method = 0;
  std::string extra = "";  // of the central record
};

struct ZipEnd {
  std::optional<uint16_t> num_entries = std::nullopt;
  std::optional<uint32_t> directory_bytes = std::nullopt;
  std::optional<uint32_t> directory_offset = std::nullopt;
  std::string before = "";  // between the directory and the end record (zip64 records)
};

inline std::string Zip(const std::vector<ZipSpec>& entries, const ZipEnd& end = {}) {
  std::string file;
  std::string directory;
  for (const ZipSpec& entry : entries) {
    const auto offset = static_cast<uint32_t>(file.size());
    const auto size = static_cast<uint32_t>(entry.data.size());
    const std::string common = LittleEndian(entry.flags, 2) + LittleEndian(entry.method, 2) +
                               LittleEndian(0, 4) +
                               LittleEndian(entry.crc32.value_or(Crc32(AsBytes(entry.data))), 4) +
                               LittleEndian(entry.stored_bytes.value_or(size), 4) +
                               LittleEndian(entry.original_bytes.value_or(size), 4);
    const std::string local_name = entry.local_name.value_or(entry.name);
    file += "PK\x03\x04" + LittleEndian(20, 2) + common + LittleEndian(local_name.size(), 2) +
            LittleEndian(0, 2) + local_name + entry.data;
    directory += "PK\x01\x02" + LittleEndian(20, 2) + LittleEndian(20, 2) + common +
                 LittleEndian(entry.name.size(), 2) + LittleEndian(entry.extra.size(), 2) +
                 LittleEndian(0, 2) + LittleEndian(0, 8) +
                 LittleEndian(entry.local_offset.value_or(offset), 4) + entry.name + entry.extra;
  }
  const auto count = end.num_entries.value_or(static_cast<uint16_t>(entries.size()));
  const auto directory_offset = end.directory_offset.value_or(static_cast<uint32_t>(file.size()));
  file += directory + end.before + "PK\x05\x06" + LittleEndian(0, 4) + LittleEndian(count, 2) +
          LittleEndian(count, 2) +
          LittleEndian(end.directory_bytes.value_or(static_cast<uint32_t>(directory.size())), 4) +
          LittleEndian(directory_offset, 4) + LittleEndian(0, 2);
  return file;
}

struct StorageData {
  std::string key;
  std::string data = "";
};

// A checkpoint in the zip layout.
inline std::string ZipCheckpoint(const std::string& body, const std::vector<StorageData>& storages,
                                 const std::vector<ZipSpec>& more = {}) {
  std::vector<ZipSpec> entries = {{.name = "archive/data.pkl", .data = Pickle(body)}};
  for (const StorageData& storage : storages) {
    entries.push_back({.name = "archive/data/" + storage.key, .data = storage.data});
  }
  entries.insert(entries.end(), more.begin(), more.end());
  entries.push_back({.name = "archive/version", .data = "3\n"});
  return Zip(entries);
}

// A checkpoint in the layout before PyTorch 1.6, all of its storages of elements of that size.
inline std::string LegacyCheckpoint(const std::string& body,
                                    const std::vector<StorageData>& storages,
                                    size_t element_bytes) {
  std::string file = Pickle(std::string("\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19"));
  file += Pickle("M" + LittleEndian(1001, 2));
  file += Pickle(Dict({Text("protocol_version"), Int(1001), Text("little_endian"), "\x88"}));
  file += Pickle(body);
  std::string keys = "](";
  for (const StorageData& storage : storages) keys += Text(storage.key);
  file += Pickle(keys + "e");
  for (const StorageData& storage : storages) {
    file += LittleEndian(storage.data.size() / element_bytes, 8) + storage.data;
  }
  return file;
}

}  // namespace deixis::testing
