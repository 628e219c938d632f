#include "base/tensor.h"

#include <cstring>

#include "base/checked.h"

namespace deixis {
namespace {

template <typename T>
T LoadUnaligned(const std::byte* source) {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

float ElementAsFloat(DType dtype, const std::byte* source) {
  switch (dtype) {
    case DType::kF64:
      return static_cast<float>(LoadUnaligned<double>(source));
    case DType::kF32:
      return LoadUnaligned<float>(source);
    case DType::kF16:
      return HalfToFloat(LoadUnaligned<uint16_t>(source));
    case DType::kBF16:
      return BFloat16ToFloat(LoadUnaligned<uint16_t>(source));
    case DType::kI64:
      return static_cast<float>(LoadUnaligned<int64_t>(source));
    case DType::kI32:
      return static_cast<float>(LoadUnaligned<int32_t>(source));
    case DType::kI16:
      return static_cast<float>(LoadUnaligned<int16_t>(source));
    case DType::kI8:
      return static_cast<float>(LoadUnaligned<int8_t>(source));
    case DType::kU8:
      return static_cast<float>(LoadUnaligned<uint8_t>(source));
    case DType::kBool:
      return LoadUnaligned<uint8_t>(source) != 0 ? 1.0f : 0.0f;
  }
  std::abort();
}

}  // namespace

std::optional<int64_t> NumElements(const Shape& shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
      continue;  // the other extents must still be sane
    }
    const auto product = CheckedMul(count, extent);
    if (!product) return std::nullopt;
    count = *product;
  }
  return empty ? 0 : count;
}

std::string ToString(const Shape& shape) {
  std::string text = "[";
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + "]";
}

Tensor::Tensor(DType dtype, Shape shape, std::shared_ptr<const void> owner, const std::byte* data,
               size_t num_bytes)
    : dtype_(dtype), shape_(std::move(shape)), owner_(std::move(owner)), bytes_(data, num_bytes) {
  const auto count = NumElements(shape_);
  if (!count || static_cast<size_t>(*count) * static_cast<size_t>(SizeOf(dtype)) != num_bytes) {
    std::abort();  // readers prove sizes before they make a tensor
  }
  num_elements_ = *count;
}

Tensor Tensor::FromBytes(DType dtype, Shape shape, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const auto* data = owner->data();
  const size_t size = owner->size();
  return Tensor(dtype, std::move(shape), std::move(owner), data, size);
}

Tensor Tensor::View(DType dtype, Shape shape, std::shared_ptr<const void> owner,
                    std::span<const std::byte> data) {
  return Tensor(dtype, std::move(shape), std::move(owner), data.data(), data.size());
}

bool Tensor::is_aligned() const {
  return reinterpret_cast<uintptr_t>(bytes_.data()) % static_cast<uintptr_t>(SizeOf(dtype_)) == 0;
}

void Tensor::CheckAs(size_t element_bytes, size_t alignment) const {
  if (element_bytes != static_cast<size_t>(SizeOf(dtype_))) std::abort();
  if (reinterpret_cast<uintptr_t>(bytes_.data()) % alignment != 0) std::abort();
}

std::vector<float> Tensor::ToFloats() const {
  std::vector<float> values(static_cast<size_t>(num_elements_));
  const int64_t step_bytes = SizeOf(dtype_);
  const std::byte* source = bytes_.data();
  if (dtype_ == DType::kF32 && !values.empty()) {
    std::memcpy(values.data(), source, bytes_.size());
    return values;
  }
  for (float& value : values) {
    value = ElementAsFloat(dtype_, source);
    source += step_bytes;
  }
  return values;
}

bool BitIdentical(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.num_bytes() == b.num_bytes() &&
         (a.num_bytes() == 0 ||
          std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0);
}

}  // namespace deixis
