#include "format/pth_tensor.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/checked.h"
#include "format/printable.h"

namespace deixis::pth {
namespace {

using pickle::Kind;
using pickle::kNoRef;
using pickle::Object;
using pickle::Ref;

constexpr char kDamaged[] = "the file is damaged or was not written by torch.save";

// How a rebuild function's arguments lie.
enum class Rebuild : uint8_t {
  kStrided,       // (storage, offset, size, stride)
  kStridedV2,     // (storage, offset, size, stride, requires_grad, hooks[, metadata])
  kStridedV3,     // (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
  kParameter,     // (tensor, requires_grad, hooks[, state])
  kTypedWrapper,  // (rebuild function, type, its arguments, state)
};

struct RebuildFunction {
  std::string_view module;
  std::string_view name;
  Rebuild rebuild;
};

constexpr RebuildFunction kRebuildFunctions[] = {
    {"torch._utils", "_rebuild_tensor", Rebuild::kStrided},
    {"torch._utils", "_rebuild_tensor_v2", Rebuild::kStridedV2},
    {"torch._utils", "_rebuild_tensor_v3", Rebuild::kStridedV3},
    {"torch._utils", "_rebuild_parameter", Rebuild::kParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Rebuild::kParameter},
    {"torch._tensor", "_rebuild_from_type_v2", Rebuild::kTypedWrapper},
};

const RebuildFunction* FindRebuildFunction(std::string_view module, std::string_view name) {
  for (const RebuildFunction& function : kRebuildFunctions) {
    if (function.name == name && function.module == module) return &function;
  }
  return nullptr;
}

struct NamedDType {
  std::string_view name;
  std::optional<DType> dtype;
};

constexpr NamedDType kDTypes[] = {
    {"float32", DType::kF32},   {"float", DType::kF32},      {"float64", DType::kF64},
    {"double", DType::kF64},    {"float16", DType::kF16},    {"half", DType::kF16},
    {"bfloat16", DType::kBF16}, {"int64", DType::kI64},      {"long", DType::kI64},
    {"int32", DType::kI32},     {"int", DType::kI32},        {"int16", DType::kI16},
    {"short", DType::kI16},     {"int8", DType::kI8},        {"uint8", DType::kU8},
    {"bool", DType::kBool},     {"complex64", std::nullopt}, {"complex128", std::nullopt},
    {"uint16", std::nullopt},   {"uint32", std::nullopt},    {"uint64", std::nullopt},
};

const NamedDType* FindDType(std::string_view module, std::string_view name) {
  if (module != "torch") return nullptr;
  for (const NamedDType& named : kDTypes) {
    if (named.name == name) return &named;
  }
  return nullptr;
}

bool IsStorageType(std::string_view module, std::string_view name) {
  return (module == "torch" || module == "torch.cuda" || module == "torch.storage") &&
         name.ends_with("Storage");
}

bool IsContiguous(const Shape& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 1) continue;  // a stride that is never taken
    if (strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

// Row-major copy of a strided tensor of at least one element. All offsets are proven.
template <size_t kElementBytes>
void CopyStrided(const std::byte* source, const Shape& shape, const std::vector<int64_t>& strides,
                 std::byte* target) {
  const size_t inner = shape.size() - 1;
  std::vector<int64_t> index(shape.size(), 0);
  int64_t row = 0;  // of the element at `index`, in elements
  while (true) {
    for (int64_t i = 0; i < shape[inner]; ++i) {
      const int64_t element = row + (i == 0 ? 0 : i * strides[inner]);
      std::memcpy(target, source + static_cast<size_t>(element) * kElementBytes, kElementBytes);
      target += kElementBytes;
    }
    size_t axis = inner;
    while (axis-- > 0) {
      if (++index[axis] < shape[axis]) {
        row += strides[axis];
        break;
      }
      row -= index[axis] > 1 ? (index[axis] - 1) * strides[axis] : 0;
      index[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1)) return;
  }
}

}  // namespace

bool IsDTypeName(std::string_view module, std::string_view name) {
  return FindDType(module, name) != nullptr;
}

bool IsInterpreted(std::string_view module, std::string_view name) {
  if (FindRebuildFunction(module, name) != nullptr) return true;
  if (IsDTypeName(module, name) || IsStorageType(module, name)) return true;
  if (module == "collections") return name == "OrderedDict";
  if (module == "torch.nn.parameter") return name == "Parameter";
  return module == "torch" && (name == "Size" || name == "device" || name == "Tensor");
}

struct TensorBuilder::Layout {
  Ref storage = kNoRef;
  int64_t offset = 0;  // elements
  Shape shape;
  std::vector<int64_t> strides;  // elements
  std::optional<DType> dtype;    // where the call says so
};

struct TensorBuilder::Slice {
  const Storage* storage = nullptr;
  std::span<const std::byte> bytes;
};

TensorBuilder::TensorBuilder(const pickle::Pickle& pickle, std::span<const Storage> storages,
                             std::shared_ptr<const void> owner, const GraphLimits& limits)
    : pickle_(pickle),
      storages_(storages),
      owner_(std::move(owner)),
      limits_(limits),
      max_copied_bytes_(limits.max_copied_bytes) {
  for (const Storage& storage : storages) max_copied_bytes_ += storage.bytes.size();
}

bool TensorBuilder::IsTensor(Ref ref) const {
  const Object& call = pickle_[ref];
  if (call.kind != Kind::kCall || call.target == kNoRef) return false;
  const Object& target = pickle_[call.target];
  return target.kind == Kind::kGlobal && FindRebuildFunction(target.text, target.name) != nullptr;
}

bool TensorBuilder::IsUnsupportedTensor(Ref ref) const {
  const Object& call = pickle_[ref];
  if (call.kind != Kind::kCall || call.target == kNoRef || IsTensor(ref)) return false;
  const Object& target = pickle_[call.target];
  return target.kind == Kind::kGlobal && target.text.starts_with("torch.") &&
         target.name.starts_with("_rebuild");
}

Result<std::vector<int64_t>> TensorBuilder::ReadIntegers(Ref ref, std::string_view what) const {
  Ref list = ref;
  if (pickle_[list].kind == Kind::kCall &&
      pickle_.IsGlobal(pickle_[list].target, "torch", "Size")) {
    const auto& arguments = pickle_[pickle_[list].arguments].items;
    if (!arguments.empty()) list = arguments[0];
  }
  const Object& object = pickle_[list];
  if (object.kind != Kind::kTuple && object.kind != Kind::kList) {
    return InvalidData("expected its " + std::string(what) + ", found " + pickle_.Describe(list),
                       kDamaged);
  }
  if (object.items.size() > limits_.max_rank) {
    return InvalidData("expected at most " + std::to_string(limits_.max_rank) +
                           " dimensions, found " + std::to_string(object.items.size()),
                       kDamaged);
  }
  std::vector<int64_t> values;
  for (const Ref item : object.items) {
    if (pickle_[item].kind != Kind::kInt) {
      return InvalidData(
          "expected integers in its " + std::string(what) + ", found " + pickle_.Describe(item),
          kDamaged);
    }
    values.push_back(pickle_[item].integer);
  }
  return values;
}

// A view that is to be negated when it is read; nothing that a state dict holds.
Status TensorBuilder::CheckMetadata(Ref ref) const {
  const Object& metadata = pickle_[ref];
  if (metadata.kind != Kind::kDict) return Ok();
  for (size_t i = 0; i + 1 < metadata.items.size(); i += 2) {
    if (pickle_[metadata.items[i]].text == "neg" && pickle_[metadata.items[i + 1]].integer != 0) {
      return InvalidData("a lazily negated view is not supported",
                         "call resolve_neg() on it before torch.save");
    }
  }
  return Ok();
}

Result<TensorBuilder::Layout> TensorBuilder::ReadLayout(Ref ref) const {
  Ref target = pickle_[ref].target;
  Ref arguments = pickle_[ref].arguments;
  for (size_t depth = 0; depth < limits_.max_depth; ++depth) {
    const Object& global = pickle_[target];
    const RebuildFunction* function =
        global.kind == Kind::kGlobal ? FindRebuildFunction(global.text, global.name) : nullptr;
    if (function == nullptr) {
      return InvalidData("it depends on " + pickle_.Describe(target) + ", which is never called",
                         "save it as a plain torch.Tensor");
    }
    const auto& items = pickle_[arguments].items;
    const size_t num_needed = function->rebuild == Rebuild::kParameter      ? 1
                              : function->rebuild == Rebuild::kTypedWrapper ? 3
                              : function->rebuild == Rebuild::kStridedV3    ? 7
                                                                            : 4;
    if (items.size() < num_needed) {
      return InvalidData("expected at least " + std::to_string(num_needed) + " arguments of " +
                             pickle_.GlobalName(target) + ", found " + std::to_string(items.size()),
                         kDamaged);
    }
    if (function->rebuild == Rebuild::kParameter) {
      if (pickle_[items[0]].kind != Kind::kCall) {
        return InvalidData("expected a tensor, found " + pickle_.Describe(items[0]), kDamaged);
      }
      target = pickle_[items[0]].target;
      arguments = pickle_[items[0]].arguments;
      continue;
    }
    if (function->rebuild == Rebuild::kTypedWrapper) {
      target = items[0];
      arguments = items[2];
      continue;
    }
    Layout layout;
    layout.storage = items[0];
    if (pickle_[items[1]].kind != Kind::kInt) {
      return InvalidData("expected its offset, found " + pickle_.Describe(items[1]), kDamaged);
    }
    layout.offset = pickle_[items[1]].integer;
    DEIXIS_ASSIGN(layout.shape, ReadIntegers(items[2], "shape"));
    DEIXIS_ASSIGN(layout.strides, ReadIntegers(items[3], "strides"));
    if (function->rebuild == Rebuild::kStridedV3) {
      const Object& dtype = pickle_[items[6]];
      const NamedDType* known =
          dtype.kind == Kind::kGlobal ? FindDType(dtype.text, dtype.name) : nullptr;
      if (known == nullptr || !known->dtype) {
        return InvalidData("its dtype, " + pickle_.Describe(items[6]) + ", is not supported",
                           "convert it to a supported dtype before torch.save");
      }
      layout.dtype = known->dtype;
    }
    const size_t metadata = function->rebuild == Rebuild::kStridedV3 ? 7 : 6;
    if (items.size() > metadata) DEIXIS_RETURN_IF_ERROR(CheckMetadata(items[metadata]));
    return layout;
  }
  return InvalidData("wrapped more than " + std::to_string(limits_.max_depth) + " times", kDamaged);
}

Result<TensorBuilder::Slice> TensorBuilder::ReadSlice(Ref ref) const {
  const Object& persistent = pickle_[ref];
  if (persistent.kind != Kind::kPersistent) {
    const bool is_call = persistent.kind == Kind::kCall;
    return InvalidData("expected a storage, found " + pickle_.Describe(ref) +
                           (is_call ? ", which is never called" : ""),
                       kDamaged);
  }
  const auto& id = pickle_[persistent.target].items;
  // CollectStorages has proven the form of the ids that start with "storage".
  if (id.size() < 5 || pickle_[id[0]].text != "storage") {
    return InvalidData("expected a storage, found something else", kDamaged);
  }
  Slice slice;
  slice.storage = FindStorage(storages_, pickle_[id[2]].text);
  if (slice.storage == nullptr) return InvalidData("its storage is missing", kDamaged);
  slice.bytes = slice.storage->bytes;
  if (id.size() < 6 || pickle_[id[5]].kind == Kind::kNone) return slice;

  // Old files: (key, offset, size) of a view of the storage.
  const auto& view = pickle_[id[5]].items;
  if (view.size() != 3 || pickle_[view[1]].kind != Kind::kInt ||
      pickle_[view[2]].kind != Kind::kInt) {
    return InvalidData("expected the part of a storage, found " + pickle_.Describe(id[5]),
                       kDamaged);
  }
  const int64_t offset = pickle_[view[1]].integer;
  const int64_t size = pickle_[view[2]].integer;
  if (offset < 0 || size < 0 ||
      !RangeFits(static_cast<uint64_t>(offset), static_cast<uint64_t>(size),
                 static_cast<uint64_t>(slice.storage->num_elements))) {
    return InvalidData("a view of " + std::to_string(size) + " elements at " +
                           std::to_string(offset) + " exceeds its storage of " +
                           std::to_string(slice.storage->num_elements),
                       kDamaged);
  }
  const auto element_bytes = static_cast<size_t>(slice.storage->element_bytes);
  slice.bytes = slice.bytes.subspan(static_cast<size_t>(offset) * element_bytes,
                                    static_cast<size_t>(size) * element_bytes);
  return slice;
}

Result<Tensor> TensorBuilder::Copy(DType dtype, const Layout& layout,
                                   std::span<const std::byte> storage, size_t num_bytes) {
  num_copied_bytes_ += num_bytes;
  if (num_copied_bytes_ > max_copied_bytes_) {
    return InvalidData("with shape " + ToString(layout.shape) +
                           " and repeating strides it expands to " + std::to_string(num_bytes) +
                           " bytes; expected at most " + std::to_string(max_copied_bytes_) +
                           " in all such tensors of this file",
                       "save it without expand(), or as a contiguous tensor");
  }
  std::vector<std::byte> bytes(num_bytes);
  const std::byte* source =
      storage.data() + static_cast<size_t>(layout.offset) * static_cast<size_t>(SizeOf(dtype));
  switch (SizeOf(dtype)) {
    case 1:
      CopyStrided<1>(source, layout.shape, layout.strides, bytes.data());
      break;
    case 2:
      CopyStrided<2>(source, layout.shape, layout.strides, bytes.data());
      break;
    case 4:
      CopyStrided<4>(source, layout.shape, layout.strides, bytes.data());
      break;
    default:
      CopyStrided<8>(source, layout.shape, layout.strides, bytes.data());
      break;
  }
  return Tensor::FromBytes(dtype, layout.shape, std::move(bytes));
}

Result<Tensor> TensorBuilder::Build(Ref ref) {
  DEIXIS_ASSIGN(const Layout layout, ReadLayout(ref));
  DEIXIS_ASSIGN(const Slice slice, ReadSlice(layout.storage));
  const std::optional<DType> dtype = layout.dtype ? layout.dtype : slice.storage->dtype;
  if (!dtype) {
    return InvalidData("its storage type " + Quoted(slice.storage->type_name) + " is not supported",
                       "convert it to a supported dtype before torch.save");
  }
  if (layout.shape.size() != layout.strides.size()) {
    return InvalidData("shape " + ToString(layout.shape) + " and strides " +
                           ToString(layout.strides) + " differ in length",
                       kDamaged);
  }
  const auto count = NumElements(layout.shape);
  const auto num_bytes = count ? CheckedMul(*count, SizeOf(*dtype)) : std::nullopt;
  if (!num_bytes)
    return InvalidData("shape " + ToString(layout.shape) + " is impossible", kDamaged);
  if (*count == 0) return Tensor::View(*dtype, layout.shape, nullptr, {});

  // The last element must lie in the storage; no stride may lead backwards.
  const auto capacity = static_cast<int64_t>(slice.bytes.size()) / SizeOf(*dtype);
  std::optional<int64_t> last = layout.offset;
  bool leads_backwards = layout.offset < 0;
  for (size_t axis = 0; axis < layout.shape.size() && last; ++axis) {
    if (layout.shape[axis] == 1) continue;
    leads_backwards |= layout.strides[axis] < 0;
    const auto span = CheckedMul(layout.shape[axis] - 1, layout.strides[axis]);
    last = span ? CheckedAdd(*last, *span) : std::nullopt;
  }
  if (!last || leads_backwards || *last >= capacity) {
    return InvalidData("shape " + ToString(layout.shape) + ", strides " + ToString(layout.strides) +
                           ", offset " + std::to_string(layout.offset) + " exceed its storage of " +
                           std::to_string(capacity) + " elements",
                       kDamaged);
  }
  if (!IsContiguous(layout.shape, layout.strides)) {
    return Copy(*dtype, layout, slice.bytes, static_cast<size_t>(*num_bytes));
  }
  const auto begin = static_cast<size_t>(layout.offset) * static_cast<size_t>(SizeOf(*dtype));
  return Tensor::View(*dtype, layout.shape, owner_,
                      slice.bytes.subspan(begin, static_cast<size_t>(*num_bytes)));
}

}  // namespace deixis::pth
