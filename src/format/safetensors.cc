#include "format/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <unordered_set>

#include "base/checked.h"
#include "format/json.h"
#include "format/printable.h"

namespace deixis {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are viewed as they lie");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxRank = 8;
constexpr size_t kDataAlignment = 64;
constexpr std::string_view kMetadataName = "__metadata__";

Error TensorError(std::string_view name, const std::string& what, std::string remedy = {}) {
  return InvalidData("tensor " + Quoted(name) + ": " + what, std::move(remedy));
}

// What the header says about one tensor, proved against the size of the data section.
struct TensorEntry {
  std::string_view name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0;  // in the data section
  uint64_t end = 0;
};

std::string FoundType(const JsonValue* value) {
  return value == nullptr ? "nothing" : std::string(value->TypeName());
}

Result<DType> ReadDType(std::string_view name, const JsonValue* value) {
  const std::string* text = value == nullptr ? nullptr : value->AsString();
  if (text == nullptr) {
    return TensorError(name, "expected \"dtype\" to be a string, found " + FoundType(value));
  }
  const auto dtype = DTypeFromSafetensorsName(*text);
  if (dtype) return *dtype;
  return TensorError(
      name,
      "expected dtype F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL, found " + Quoted(*text),
      "convert that tensor to one of these types first");
}

Result<Shape> ReadShape(std::string_view name, const JsonValue* value) {
  const JsonValue::Array* extents = value == nullptr ? nullptr : value->AsArray();
  if (extents == nullptr) {
    return TensorError(name, "expected \"shape\" to be an array, found " + FoundType(value));
  }
  if (extents->size() > kMaxRank) {
    return TensorError(name, "expected at most " + std::to_string(kMaxRank) +
                                 " dimensions, found " + std::to_string(extents->size()));
  }
  Shape shape;
  for (const JsonValue& extent : *extents) {
    const auto number = extent.AsInteger();
    if (!number || *number < 0) {
      return TensorError(name, "expected \"shape\" to hold non-negative integers, found " +
                                   (number ? std::to_string(*number) : FoundType(&extent)));
    }
    shape.push_back(*number);
  }
  return shape;
}

Status ReadOffsets(const JsonValue* value, uint64_t data_bytes, TensorEntry& entry) {
  const JsonValue::Array* offsets = value == nullptr ? nullptr : value->AsArray();
  if (offsets == nullptr || offsets->size() != 2 || !(*offsets)[0].AsInteger() ||
      !(*offsets)[1].AsInteger()) {
    return TensorError(entry.name,
                       "expected \"data_offsets\" to be two integers, found " +
                           (value == nullptr ? "nothing" : ToJson(*value).substr(0, 80)));
  }
  const int64_t begin = *(*offsets)[0].AsInteger();
  const int64_t end = *(*offsets)[1].AsInteger();
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > data_bytes) {
    return TensorError(entry.name,
                       "expected data_offsets within the " + std::to_string(data_bytes) +
                           " bytes of data, found [" + std::to_string(begin) + ", " +
                           std::to_string(end) + "]",
                       "the file may be cut short: copy or download it again");
  }
  entry.begin = static_cast<uint64_t>(begin);
  entry.end = static_cast<uint64_t>(end);
  return Ok();
}

Result<TensorEntry> ReadEntry(std::string_view name, const JsonValue& description,
                              uint64_t data_bytes) {
  if (description.AsObject() == nullptr) {
    return TensorError(name, "expected an object, found " + FoundType(&description));
  }
  TensorEntry entry;
  entry.name = name;
  DEIXIS_ASSIGN(entry.dtype, ReadDType(name, description.Find("dtype")));
  DEIXIS_ASSIGN(entry.shape, ReadShape(name, description.Find("shape")));
  DEIXIS_RETURN_IF_ERROR(ReadOffsets(description.Find("data_offsets"), data_bytes, entry));
  const auto elements = NumElements(entry.shape);
  const auto bytes = elements ? CheckedMul(*elements, SizeOf(entry.dtype)) : std::nullopt;
  if (!bytes) {
    return TensorError(
        name, "expected a size that 63 bits can hold, found shape " + ToString(entry.shape));
  }
  if (static_cast<uint64_t>(*bytes) != entry.end - entry.begin) {
    return TensorError(name, "expected " + std::to_string(*bytes) + " bytes for " +
                                 std::string(SafetensorsName(entry.dtype)) + " " +
                                 ToString(entry.shape) + ", found data_offsets [" +
                                 std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                                 "]");
  }
  return entry;
}

Status ReadMetadata(const JsonValue& value,
                    std::vector<std::pair<std::string, std::string>>& metadata) {
  if (value.AsObject() == nullptr) {
    return InvalidData("__metadata__: expected an object, found " + FoundType(&value));
  }
  for (const auto& [key, item] : *value.AsObject()) {
    if (item.AsString() == nullptr) {
      return InvalidData("__metadata__: expected " + Quoted(key) + " to be a string, found " +
                         FoundType(&item));
    }
    metadata.emplace_back(key, *item.AsString());
  }
  return Ok();
}

// In order of their data each tensor begins where the one before it ends.
Status CheckCovers(const std::vector<TensorEntry>& entries, uint64_t data_bytes) {
  std::vector<const TensorEntry*> by_place;
  by_place.reserve(entries.size());
  for (const TensorEntry& entry : entries) by_place.push_back(&entry);
  std::sort(by_place.begin(), by_place.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t covered = 0;
  for (const TensorEntry* entry : by_place) {
    if (entry->begin != covered) {
      return TensorError(entry->name,
                         std::string(entry->begin < covered ? "overlaps" : "leaves a hole after") +
                             " the tensor before it: expected its data to begin at " +
                             std::to_string(covered) + ", found " + std::to_string(entry->begin));
    }
    covered = entry->end;
  }
  if (covered != data_bytes) {
    return InvalidData("safetensors: expected the tensors to cover all " +
                       std::to_string(data_bytes) + " bytes of data, found " +
                       std::to_string(data_bytes - covered) + " bytes after the last tensor");
  }
  return Ok();
}

// The header's text, or what is wrong with the first bytes.
Result<std::string_view> FindHeader(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    return InvalidData("safetensors: expected 8 bytes of header length, found a file of " +
                       std::to_string(bytes.size()) + " bytes");
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes) {
    return InvalidData("safetensors: expected a header of at most " +
                           std::to_string(kMaxHeaderBytes) + " bytes, found a length of " +
                           std::to_string(header_bytes),
                       "this may not be a safetensors file");
  }
  if (!RangeFits(kLengthBytes, header_bytes, bytes.size())) {
    return InvalidData("safetensors: expected a header of " + std::to_string(header_bytes) +
                           " bytes, found only " + std::to_string(bytes.size() - kLengthBytes) +
                           " bytes after its length",
                       "the file may be cut short: copy or download it again");
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
                                header_bytes);
  if (!header.starts_with('{')) {
    return InvalidData(
        "safetensors: expected the header to begin with '{', found " +
            (header.empty() ? "an empty header"
                            : "byte " + std::to_string(static_cast<uint8_t>(header[0]))),
        "this may not be a safetensors file");
  }
  return header;
}

// Views into `bytes`, which `owner` keeps alive.
Result<TensorFile> ReadOwned(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  DEIXIS_ASSIGN(const std::string_view header, FindHeader(bytes));
  auto parsed = ParseJson(header);
  if (!parsed.ok()) return parsed.error().WithContext("safetensors header");
  const auto data = bytes.subspan(kLengthBytes + header.size());
  TensorFile file;
  file.format = TensorFileFormat::kSafetensors;
  std::vector<TensorEntry> entries;
  for (const auto& [name, description] : *parsed->AsObject()) {  // begins with '{'
    if (name == kMetadataName) {
      DEIXIS_RETURN_IF_ERROR(ReadMetadata(description, file.metadata));
      continue;
    }
    DEIXIS_ASSIGN(TensorEntry entry, ReadEntry(name, description, data.size()));
    entries.push_back(std::move(entry));
  }
  DEIXIS_RETURN_IF_ERROR(CheckCovers(entries, data.size()));
  for (TensorEntry& entry : entries) {
    const auto view = data.subspan(entry.begin, entry.end - entry.begin);
    file.tensors.push_back(
        {std::string(entry.name), Tensor::View(entry.dtype, std::move(entry.shape), owner, view)});
  }
  return file;
}

Status CheckNames(const TensorFile& file) {
  std::unordered_set<std::string_view> names;
  for (const NamedTensor& tensor : file.tensors) {
    if (tensor.name == kMetadataName) {
      return InvalidData("safetensors: a tensor cannot be named \"__metadata__\"", "rename it");
    }
    if (!IsValidUtf8(tensor.name)) {
      return TensorError(tensor.name, "expected a name in UTF-8", "rename it");
    }
    if (!names.insert(tensor.name).second) {
      return TensorError(tensor.name, "expected every name once, found it twice", "rename one");
    }
    if (tensor.tensor.shape().size() > kMaxRank) {
      return TensorError(tensor.name, "expected at most " + std::to_string(kMaxRank) +
                                          " dimensions, found " +
                                          std::to_string(tensor.tensor.shape().size()));
    }
  }
  std::unordered_set<std::string_view> keys;
  for (const auto& [key, value] : file.metadata) {
    if (!IsValidUtf8(key) || !IsValidUtf8(value)) {
      return InvalidData("safetensors: metadata " + Quoted(key) + ": expected UTF-8");
    }
    if (!keys.insert(key).second) {
      return InvalidData("safetensors: metadata " + Quoted(key) +
                         ": expected every key once, found it twice");
    }
  }
  return Ok();
}

// The order of the tensors' data: those that fill whole lines of 64 bytes first, so that every one
// of them begins at such a line without padding, which the format forbids; then by element size.
std::vector<size_t> DataOrder(const TensorFile& file) {
  std::vector<size_t> order(file.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = [&](size_t index) {
    const Tensor& tensor = file.tensors[index].tensor;
    const bool whole_lines = tensor.num_bytes() % static_cast<int64_t>(kDataAlignment) == 0;
    return whole_lines ? std::numeric_limits<int64_t>::min() : -SizeOf(tensor.dtype());
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rank(a) < rank(b); });
  return order;
}

std::string MakeHeader(const TensorFile& file, const std::vector<size_t>& order) {
  std::vector<int64_t> begins(order.size());
  int64_t position = 0;
  for (size_t index : order) {
    begins[index] = position;
    position += file.tensors[index].tensor.num_bytes();
  }
  std::string header = "{";
  if (!file.metadata.empty()) {
    JsonValue::Object metadata;
    for (const auto& [key, value] : file.metadata) metadata.emplace_back(key, value);
    header += "\"__metadata__\":";
    AppendJson(metadata, header);
  }
  for (size_t index = 0; index < file.tensors.size(); ++index) {
    const auto& [name, tensor] = file.tensors[index];
    if (header.size() > 1) header += ',';
    AppendJsonString(name, header);
    const JsonValue::Array shape(tensor.shape().begin(), tensor.shape().end());
    const JsonValue::Array offsets = {begins[index], begins[index] + tensor.num_bytes()};
    header += ':';
    AppendJson(JsonValue::Object{{"dtype", std::string(SafetensorsName(tensor.dtype()))},
                                 {"shape", shape},
                                 {"data_offsets", offsets}},
               header);
  }
  header += '}';
  const size_t used = (kLengthBytes + header.size()) % kDataAlignment;
  if (used != 0) header.append(kDataAlignment - used, ' ');
  return header;
}

}  // namespace

Result<TensorFile> ReadSafetensors(std::shared_ptr<const MappedFile> file) {
  const auto bytes = file->bytes();
  return ReadOwned(std::move(file), bytes);
}

Result<TensorFile> ReadSafetensors(std::span<const std::byte> bytes) {
  auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  const std::span<const std::byte> view(*copy);
  return ReadOwned(std::move(copy), view);
}

Status WriteSafetensors(const std::string& path, const TensorFile& file) {
  DEIXIS_RETURN_IF_ERROR(CheckNames(file));
  const std::vector<size_t> order = DataOrder(file);
  const std::string header = MakeHeader(file, order);
  if (header.size() > kMaxHeaderBytes) {
    return InvalidData("safetensors: expected a header of at most " +
                       std::to_string(kMaxHeaderBytes) + " bytes, found " +
                       std::to_string(header.size()));
  }
  DEIXIS_ASSIGN(AtomicFile out, AtomicFile::Create(path));
  const uint64_t header_bytes = header.size();
  DEIXIS_RETURN_IF_ERROR(out.Write(std::as_bytes(std::span(&header_bytes, 1))));
  DEIXIS_RETURN_IF_ERROR(out.Write(header));
  for (size_t index : order) {
    DEIXIS_RETURN_IF_ERROR(out.Write(file.tensors[index].tensor.bytes()));
  }
  return out.Commit();
}

int64_t SafetensorsBytes(const TensorFile& file) {
  auto bytes = static_cast<int64_t>(kLengthBytes + MakeHeader(file, DataOrder(file)).size());
  for (const NamedTensor& tensor : file.tensors) bytes += tensor.tensor.num_bytes();
  return bytes;
}

}  // namespace deixis
