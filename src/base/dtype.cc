#include "base/dtype.h"

#include <bit>
#include <cmath>

namespace deixis {
namespace {

struct DTypeTraits {
  int64_t bytes;
  bool is_float;
  std::string_view torch_name;
  std::string_view safetensors_name;
};

constexpr DTypeTraits kTraits[] = {
    {8, true, "float64", "F64"},   {4, true, "float32", "F32"}, {2, true, "float16", "F16"},
    {2, true, "bfloat16", "BF16"}, {8, false, "int64", "I64"},  {4, false, "int32", "I32"},
    {2, false, "int16", "I16"},    {1, false, "int8", "I8"},    {1, false, "uint8", "U8"},
    {1, false, "bool", "BOOL"},
};

const DTypeTraits& Traits(DType dtype) { return kTraits[static_cast<int>(dtype)]; }

}  // namespace

int64_t SizeOf(DType dtype) { return Traits(dtype).bytes; }
bool IsFloat(DType dtype) { return Traits(dtype).is_float; }
std::string_view TorchName(DType dtype) { return Traits(dtype).torch_name; }
std::string_view SafetensorsName(DType dtype) { return Traits(dtype).safetensors_name; }

std::optional<DType> DTypeFromSafetensorsName(std::string_view name) {
  for (DType dtype : kAllDTypes) {
    if (SafetensorsName(dtype) == name) return dtype;
  }
  return std::nullopt;
}

float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t mantissa = bits & 0x3FFu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact in float
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u);   // NaN
  if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {  // subnormal half: count steps of 2^-24, to nearest even
    const float steps = std::ldexp(std::bit_cast<float>(magnitude), 24);
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(steps)));
  }
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float BFloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t FloatToBFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace deixis
