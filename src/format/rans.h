// Entropy coding of palette indices for the archive form: range asymmetric numeral systems (Duda,
// "Asymmetric numeral systems", arXiv:1311.2540) with one static frequency table per layer.
//
// Card (docs/format.md, section 5):
//   layout    u16 frequency[K], u32 state[4], u16 word[W]; little-endian
//   states    4 interleaved, symbol j belongs to state j mod 4; each in 2^16 .. 2^32 - 1
//   table     frequencies sum to 2^12, each at most 4064, so every symbol uses up bits
//   size      2K + 16 + 2W bytes; 16W within 64 bits of sum(log2(4096 / frequency[index]))
//   range     K in 2..256, at most 800 symbols per byte after the table
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace deixis {

inline constexpr int kRansFrequencyBits = 12;
inline constexpr int kRansTotal = 1 << kRansFrequencyBits;
inline constexpr int kRansMaxFrequency = 4064;
inline constexpr int64_t kRansMaxSymbolsPerByte = 800;

// Frequencies for symbols that occur `counts` times: sum kRansTotal, at least 1 for a symbol that
// occurs, as near to the shares as whole numbers can be. K = counts.size(), 2..256. O(K log K).
std::vector<uint16_t> RansFrequencies(std::span<const int64_t> counts);

// The stream of `indices`, each below num_symbols. O(n).
std::vector<uint8_t> RansEncode(std::span<const uint8_t> indices, int num_symbols);

// Decodes symbols one run after the other, so that a caller can pack rows as they come and never
// holds a byte per symbol. Safe on any bytes: Create proves the table, the states and that the
// stream is long enough to stand for `num_indices`; Decode proves every word it takes.
class RansDecoder {
 public:
  // `stream` must outlive the decoder.
  static Result<RansDecoder> Create(std::span<const uint8_t> stream, int num_symbols,
                                    int64_t num_indices);

  // The next symbols, as many as `indices` has room for. kInvalidData when the words run out.
  Status Decode(std::span<uint8_t> indices);

  // After the last symbol: that all states and words came out even.
  Status Finish() const;

 private:
  // Of each of the 4096 slots what a state does that shows it, in one word, so that the table takes
  // half of a first-level cache: symbol | frequency << 8 | (slot - start) << 20.
  using Slot = uint32_t;
  static uint8_t Step(const Slot* slots, uint32_t& state);
  Status DecodeSingly(std::span<uint8_t> indices);
  size_t DecodeFours(std::span<uint8_t> indices);
  RansDecoder() = default;

  std::vector<Slot> slots_;
  uint32_t states_[4] = {};
  std::span<const uint8_t> words_;
  size_t next_byte_ = 0;  // of words_
  int64_t num_decoded_ = 0;
  int64_t num_indices_ = 0;
};

}  // namespace deixis
