// CRC-32 by sixteen tables, so that a checkpoint is checked about as fast as it is read from disk
// (Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC generation",
// IEEE Transactions on Computers 2008).

#include <array>

#include "format/zip.h"

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

}  // namespace

uint32_t Crc32(std::span<const std::byte> bytes, uint32_t previous) {
  uint32_t remainder = ~previous;
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
