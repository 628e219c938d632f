// A shape, and a contiguous tensor whose bytes are shared and never written after it is made: a
// view into a mapped file and a tensor built in memory are the same thing to a reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"

namespace deixis {

// Extents from the outermost to the innermost; no extents is a scalar of one element.
using Shape = std::vector<int64_t>;

// The product of the extents; nothing for a negative extent or an overflow.
std::optional<int64_t> NumElements(const Shape& shape);
// "[64, 3, 7, 7]".
std::string ToString(const Shape& shape);

namespace internal {
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<double> {
  static constexpr DType kValue = DType::kF64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType kValue = DType::kF32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType kValue = DType::kI64;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType kValue = DType::kI32;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType kValue = DType::kI16;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType kValue = DType::kI8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType kValue = DType::kU8;
};
}  // namespace internal

// Contiguous, row-major, little-endian. Copies share the bytes; safe to read from any thread.
class Tensor {
 public:
  Tensor() = default;

  // Takes `values` over. The number of values must be that of the shape.
  template <typename T>
  static Tensor FromVector(Shape shape, std::vector<T> values) {
    auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    const auto* data = reinterpret_cast<const std::byte*>(owner->data());
    const auto bytes = owner->size() * sizeof(T);
    return Tensor(internal::DTypeOf<T>::kValue, std::move(shape), std::move(owner), data, bytes);
  }

  // `bytes` little-endian elements of `dtype`, taken over.
  static Tensor FromBytes(DType dtype, Shape shape, std::vector<std::byte> bytes);

  // A view of `data`, which `owner` keeps alive. `data` may lie at any address: use As<T>() only
  // when is_aligned(), else ToFloats() or bytes().
  static Tensor View(DType dtype, Shape shape, std::shared_ptr<const void> owner,
                     std::span<const std::byte> data);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t extent(size_t axis) const { return shape_.at(axis); }
  int64_t num_elements() const { return num_elements_; }
  int64_t num_bytes() const { return static_cast<int64_t>(bytes_.size()); }
  std::span<const std::byte> bytes() const { return bytes_; }
  bool is_aligned() const;

  // The elements as they lie. T must be the C++ type of dtype() (uint8_t also reads kBool, uint16_t
  // reads kF16 and kBF16) and the data aligned for it; anything else ends the process.
  template <typename T>
  std::span<const T> As() const {
    CheckAs(sizeof(T), alignof(T));
    return {reinterpret_cast<const T*>(bytes_.data()), static_cast<size_t>(num_elements_)};
  }

  // Every element as float, whatever the dtype and alignment. O(n), allocates.
  std::vector<float> ToFloats() const;

 private:
  Tensor(DType dtype, Shape shape, std::shared_ptr<const void> owner, const std::byte* data,
         size_t num_bytes);
  void CheckAs(size_t element_bytes, size_t alignment) const;

  DType dtype_ = DType::kF32;
  Shape shape_;
  int64_t num_elements_ = 0;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Same dtype, shape and bytes.
bool BitIdentical(const Tensor& a, const Tensor& b);

}  // namespace deixis
