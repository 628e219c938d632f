// Storages as a pickle names them.

#include <algorithm>
#include <string>

#include "base/checked.h"
#include "format/printable.h"
#include "format/pth_graph.h"

namespace deixis::pth {
namespace {

using pickle::Kind;
using pickle::Object;
using pickle::Pickle;
using pickle::Ref;

struct StorageType {
  std::string_view name;
  int64_t element_bytes;
  std::optional<DType> dtype;
};

constexpr StorageType kStorageTypes[] = {
    {"FloatStorage", 4, DType::kF32},
    {"DoubleStorage", 8, DType::kF64},
    {"HalfStorage", 2, DType::kF16},
    {"BFloat16Storage", 2, DType::kBF16},
    {"LongStorage", 8, DType::kI64},
    {"IntStorage", 4, DType::kI32},
    {"ShortStorage", 2, DType::kI16},
    {"CharStorage", 1, DType::kI8},
    {"ByteStorage", 1, DType::kU8},
    {"BoolStorage", 1, DType::kBool},
    {"UntypedStorage", 1, std::nullopt},
    {"_UntypedStorage", 1, std::nullopt},
    // Known, so that a layout can skip them, but no DType of ours.
    {"ComplexFloatStorage", 8, std::nullopt},
    {"ComplexDoubleStorage", 16, std::nullopt},
    {"QInt8Storage", 1, std::nullopt},
    {"QUInt8Storage", 1, std::nullopt},
    {"QInt32Storage", 4, std::nullopt},
    {"QUInt4x2Storage", 1, std::nullopt},
    {"QUInt2x4Storage", 1, std::nullopt},
};

constexpr size_t kMaxKeyBytes = 256;  // PyTorch uses decimal numbers

Error Malformed(const std::string& finding) {
  return InvalidData("a storage: " + finding,
                     "the file is damaged or was not written by torch.save");
}

Result<Storage> ParseStorage(const Pickle& pickle, const Object& id) {
  if (id.items.size() < 5) {
    return Malformed("expected (storage, type, key, location, size), found " +
                     std::to_string(id.items.size()) + " parts");
  }
  const Object& type = pickle[id.items[1]];
  const Object& key = pickle[id.items[2]];
  const Object& size = pickle[id.items[4]];
  if (type.kind != Kind::kGlobal) {
    return Malformed("expected a type, found " + pickle.Describe(id.items[1]));
  }
  if (key.kind != Kind::kText) {
    return Malformed("expected a key, found " + pickle.Describe(id.items[2]));
  }
  if (size.kind != Kind::kInt || size.integer < 0) {
    return Malformed(Quoted(key.text) + ": expected a number of elements, found " +
                     pickle.Describe(id.items[4]));
  }
  if (key.text.size() > kMaxKeyBytes) {
    return Malformed("expected a short key, found " + Quoted(key.text, 40));
  }
  Storage storage;
  storage.key = key.text;
  storage.type_name = type.name;
  storage.num_elements = size.integer;
  for (const StorageType& known : kStorageTypes) {
    if (known.name != type.name) continue;
    storage.dtype = known.dtype;
    storage.element_bytes = known.element_bytes;
  }
  return storage;
}

}  // namespace

bool Storage::is_untyped() const { return type_name.ends_with("UntypedStorage"); }

std::optional<uint64_t> Storage::num_bytes() const {
  if (element_bytes == 0) return std::nullopt;
  const auto product = CheckedMul(num_elements, element_bytes);
  if (!product) return std::nullopt;
  return static_cast<uint64_t>(*product);
}

Result<std::vector<Storage>> CollectStorages(const Pickle& pickle) {
  std::vector<Storage> storages;
  for (Ref ref = 0; ref < pickle.size(); ++ref) {
    if (pickle[ref].kind != Kind::kPersistent) continue;
    const Object& id = pickle[pickle[ref].target];
    // Before PyTorch 1.6 there are also ("module", class, file, source) for whole modules.
    if (id.kind != Kind::kTuple || id.items.empty() || pickle[id.items[0]].text != "storage") {
      continue;
    }
    DEIXIS_ASSIGN(Storage storage, ParseStorage(pickle, id));
    storages.push_back(storage);
  }
  const auto by_key = [](const Storage& a, const Storage& b) { return a.key < b.key; };
  std::stable_sort(storages.begin(), storages.end(), by_key);
  for (size_t i = 1; i < storages.size(); ++i) {
    const Storage& a = storages[i - 1];
    const Storage& b = storages[i];
    if (a.key != b.key) continue;
    if (a.type_name != b.type_name || a.num_elements != b.num_elements) {
      return Malformed(Quoted(a.key) + " is named with two types or sizes");
    }
  }
  const auto same_key = [](const Storage& a, const Storage& b) { return a.key == b.key; };
  storages.erase(std::unique(storages.begin(), storages.end(), same_key), storages.end());
  return storages;
}

const Storage* FindStorage(std::span<const Storage> storages, std::string_view key) {
  const auto found =
      std::lower_bound(storages.begin(), storages.end(), key,
                       [](const Storage& storage, std::string_view k) { return storage.key < k; });
  return found != storages.end() && found->key == key ? &*found : nullptr;
}

}  // namespace deixis::pth
