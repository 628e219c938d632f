// The element types a tensor can have on disk and in memory, and their names in the two ecosystems
// that the formats come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace deixis {

enum class DType : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
};

inline constexpr DType kAllDTypes[] = {DType::kF64, DType::kF32, DType::kF16, DType::kBF16,
                                       DType::kI64, DType::kI32, DType::kI16, DType::kI8,
                                       DType::kU8,  DType::kBool};

// Bytes of one element.
int64_t SizeOf(DType dtype);
bool IsFloat(DType dtype);

// "float32", as PyTorch prints it.
std::string_view TorchName(DType dtype);
// "F32", as a safetensors header writes it.
std::string_view SafetensorsName(DType dtype);
std::optional<DType> DTypeFromSafetensorsName(std::string_view name);

// IEEE binary16 and bfloat16, to and from float. To* round to nearest even; NaN stays NaN.
float HalfToFloat(uint16_t bits);
uint16_t FloatToHalf(float value);
float BFloat16ToFloat(uint16_t bits);
uint16_t FloatToBFloat16(float value);

}  // namespace deixis
