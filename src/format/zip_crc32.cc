// CRC-32 of whole checkpoints within the time that `deixis info` has: by carry-less multiplication
// where the processor has it (Gopal et al., "Fast CRC computation for generic polynomials using
// PCLMULQDQ instruction", Intel 2009, from which the constants are), else by sixteen tables
// (Kounavis and Berry, IEEE Transactions on Computers 2008).

#include <array>

#include "format/zip.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace deixis {
namespace {

constexpr size_t kSlices = 16;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

// tables[s][b]: the remainder of byte b followed by s zero bytes.
constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xEDB88320u : 0u);
    }
    tables[0][byte] = remainder;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t shorter = tables[slice - 1][byte];
      tables[slice][byte] = (shorter >> 8) ^ tables[0][shorter & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

// The first four bytes of a block take the running remainder in.
inline uint32_t BlockRemainder(uint32_t remainder, const std::byte* block) {
  uint32_t result = 0;
  for (size_t i = 0; i < kSlices; ++i) {
    auto byte = static_cast<uint8_t>(block[i]);
    if (i < 4) byte = static_cast<uint8_t>(byte ^ (remainder >> (8 * i)));
    result ^= kTables[kSlices - 1 - i][byte];
  }
  return result;
}

#ifdef __x86_64__
constexpr size_t kLaneBytes = 16;
constexpr size_t kFoldBytes = 4 * kLaneBytes;

struct FoldConstant {
  uint64_t low;
  uint64_t high;
};
// x to the power of the distance that a lane moves, reduced and reflected.
constexpr FoldConstant kFoldByFourLanes = {0x154442BD4, 0x1C6E41596};
constexpr FoldConstant kFoldByOneLane = {0x1751997D0, 0x0CCAA009E};
constexpr FoldConstant kFoldTo64Bits = {0x163CD6124, 0};
constexpr FoldConstant kBarrett = {0x1DB710641, 0x1F7011641};  // the polynomial, and its inverse

#define DEIXIS_CLMUL __attribute__((target("pclmul,sse4.1")))

DEIXIS_CLMUL inline __m128i Constant(FoldConstant constant) {
  return _mm_set_epi64x(static_cast<int64_t>(constant.high), static_cast<int64_t>(constant.low));
}
DEIXIS_CLMUL inline __m128i Load(const std::byte* source) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
}
// The lane moved forward by the constant's distance, added to what lies there.
DEIXIS_CLMUL inline __m128i Fold(__m128i lane, __m128i constant, __m128i there) {
  const __m128i low = _mm_clmulepi64_si128(lane, constant, 0x00);
  const __m128i high = _mm_clmulepi64_si128(lane, constant, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

// At least kFoldBytes, a multiple of kLaneBytes.
DEIXIS_CLMUL uint32_t RemainderByFolding(std::span<const std::byte> bytes, uint32_t remainder) {
  __m128i lanes[4];
  for (size_t i = 0; i < 4; ++i) lanes[i] = Load(bytes.data() + i * kLaneBytes);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(remainder)));
  bytes = bytes.subspan(kFoldBytes);
  const __m128i by_four = Constant(kFoldByFourLanes);
  while (bytes.size() >= kFoldBytes) {
    for (size_t i = 0; i < 4; ++i) {
      lanes[i] = Fold(lanes[i], by_four, Load(bytes.data() + i * kLaneBytes));
    }
    bytes = bytes.subspan(kFoldBytes);
  }
  const __m128i by_one = Constant(kFoldByOneLane);
  __m128i lane = lanes[0];
  for (size_t i = 1; i < 4; ++i) lane = Fold(lane, by_one, lanes[i]);
  while (bytes.size() >= kLaneBytes) {
    lane = Fold(lane, by_one, Load(bytes.data()));
    bytes = bytes.subspan(kLaneBytes);
  }
  // 128 bits to 96, to 64, and to 32 by Barrett's reduction.
  const __m128i low_32 = _mm_set_epi32(0, -1, 0, -1);
  lane = _mm_xor_si128(_mm_clmulepi64_si128(lane, by_one, 0x10), _mm_srli_si128(lane, 8));
  lane = _mm_xor_si128(
      _mm_clmulepi64_si128(_mm_and_si128(lane, low_32), Constant(kFoldTo64Bits), 0x00),
      _mm_srli_si128(lane, 4));
  const __m128i barrett = Constant(kBarrett);
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(lane, low_32), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_32), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(lane, quotient), 1));
}
#endif

}  // namespace

uint32_t Crc32(std::span<const std::byte> bytes, uint32_t previous) {
  uint32_t remainder = ~previous;
#ifdef __x86_64__
  if (bytes.size() >= kFoldBytes && __builtin_cpu_supports("pclmul") != 0 &&
      __builtin_cpu_supports("sse4.1") != 0) {
    const size_t whole_lanes = bytes.size() / kLaneBytes * kLaneBytes;
    remainder = RemainderByFolding(bytes.first(whole_lanes), remainder);
    bytes = bytes.subspan(whole_lanes);
  }
#endif
  while (bytes.size() >= kSlices) {
    remainder = BlockRemainder(remainder, bytes.data());
    bytes = bytes.subspan(kSlices);
  }
  for (const std::byte byte : bytes) {
    remainder = (remainder >> 8) ^ kTables[0][(remainder ^ static_cast<uint8_t>(byte)) & 0xFF];
  }
  return ~remainder;
}

}  // namespace deixis
