#include "format/rans.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace deixis {
namespace {

constexpr int kNumStates = 4;
constexpr uint32_t kLowestState = 1u << 16;  // states live in [2^16, 2^32)
constexpr uint32_t kSlotMask = kRansTotal - 1;

void AppendU16(uint32_t value, std::vector<uint8_t>& out) {
  out.push_back(static_cast<uint8_t>(value));
  out.push_back(static_cast<uint8_t>(value >> 8));
}

uint32_t LoadU16(const uint8_t* bytes) { return bytes[0] | static_cast<uint32_t>(bytes[1]) << 8; }

Error StreamError(const std::string& what) {
  return InvalidData("entropy-coded indices: " + what,
                     "the file is damaged: copy or download it again");
}

}  // namespace

std::vector<uint16_t> RansFrequencies(std::span<const int64_t> counts) {
  const size_t num_symbols = counts.size();
  if (num_symbols < 2 || num_symbols > 256) std::abort();
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  std::vector<int> frequencies(num_symbols);
  int sum = 0;
  for (size_t s = 0; s < num_symbols; ++s) {
    if (counts[s] > 0) {
      const double share = static_cast<double>(counts[s]) / static_cast<double>(total);
      frequencies[s] = std::clamp(static_cast<int>(share * kRansTotal + 0.5), 1, kRansMaxFrequency);
    }
    sum += frequencies[s];
  }
  // Rounding leaves a few slots over or wanting. Each goes where it changes the coded size least:
  // the derivative of count * log2(frequency) is count / frequency.
  const auto gain = [&](size_t s) {
    return static_cast<double>(counts[s]) / std::max(frequencies[s], 1);
  };
  while (sum != kRansTotal) {
    const int step = sum < kRansTotal ? 1 : -1;
    size_t best = num_symbols;
    for (size_t s = 0; s < num_symbols; ++s) {
      const int changed = frequencies[s] + step;
      const int lowest = counts[s] > 0 ? 1 : 0;
      if (changed < lowest || changed > kRansMaxFrequency) continue;
      if (best == num_symbols || (step > 0 ? gain(s) > gain(best) : gain(s) < gain(best))) best = s;
    }
    frequencies[best] += step;
    sum += step;
  }
  return {frequencies.begin(), frequencies.end()};
}

std::vector<uint8_t> RansEncode(std::span<const uint8_t> indices, int num_symbols) {
  std::vector<int64_t> counts(static_cast<size_t>(num_symbols));
  for (uint8_t index : indices) ++counts.at(index);
  const std::vector<uint16_t> frequencies = RansFrequencies(counts);
  std::vector<uint32_t> starts(frequencies.size());
  std::exclusive_scan(frequencies.begin(), frequencies.end(), starts.begin(), 0u);

  uint32_t states[kNumStates];
  std::fill_n(states, kNumStates, kLowestState);
  std::vector<uint16_t> words;  // in the order of encoding, the reverse of the stream's
  for (size_t j = indices.size(); j-- > 0;) {
    uint32_t& x = states[j % kNumStates];
    const uint32_t frequency = frequencies[indices[j]];
    // The greatest state that stays below 2^32 after the step.
    const uint64_t limit = uint64_t{kLowestState >> kRansFrequencyBits << 16} * frequency;
    if (x >= limit) {
      words.push_back(static_cast<uint16_t>(x));
      x >>= 16;
    }
    x = (x / frequency << kRansFrequencyBits) + x % frequency + starts[indices[j]];
  }

  std::vector<uint8_t> stream;
  stream.reserve(2 * frequencies.size() + 4 * kNumStates + 2 * words.size());
  for (uint16_t frequency : frequencies) AppendU16(frequency, stream);
  for (uint32_t state : states) {
    AppendU16(state, stream);
    AppendU16(state >> 16, stream);
  }
  for (size_t i = words.size(); i-- > 0;) AppendU16(words[i], stream);
  return stream;
}

Result<RansDecoder> RansDecoder::Create(std::span<const uint8_t> stream, int num_symbols,
                                        int64_t num_indices) {
  const size_t table_bytes = 2 * static_cast<size_t>(num_symbols);
  if (stream.size() < table_bytes + 4 * kNumStates || stream.size() % 2 != 0) {
    return StreamError("expected an even number of bytes, at least " +
                       std::to_string(table_bytes + 4 * kNumStates) + ", found " +
                       std::to_string(stream.size()));
  }
  const auto coded_bytes = static_cast<int64_t>(stream.size() - table_bytes);
  if (num_indices < 0 || num_indices / kRansMaxSymbolsPerByte > coded_bytes) {
    return StreamError("expected enough bytes for " + std::to_string(num_indices) +
                       " indices, found " + std::to_string(coded_bytes));
  }
  RansDecoder decoder;
  decoder.num_indices_ = num_indices;
  decoder.slots_.reserve(kRansTotal);
  for (int s = 0; s < num_symbols; ++s) {
    const uint32_t frequency = LoadU16(stream.data() + 2 * s);
    if (frequency > kRansMaxFrequency || decoder.slots_.size() + frequency > kRansTotal) {
      return StreamError("expected frequencies of at most " + std::to_string(kRansMaxFrequency) +
                         " that sum to 4096, found " + std::to_string(frequency) + " at index " +
                         std::to_string(s));
    }
    for (uint32_t offset = 0; offset < frequency; ++offset) {
      decoder.slots_.push_back(static_cast<uint32_t>(s) | frequency << 8 | offset << 20);
    }
  }
  if (decoder.slots_.size() != kRansTotal) {
    return StreamError("expected frequencies that sum to 4096, found a sum of " +
                       std::to_string(decoder.slots_.size()));
  }
  for (int lane = 0; lane < kNumStates; ++lane) {
    const uint8_t* bytes = stream.data() + table_bytes + 4 * lane;
    decoder.states_[lane] = LoadU16(bytes) | LoadU16(bytes + 2) << 16;
    if (decoder.states_[lane] < kLowestState) {
      return StreamError("expected states of at least 65536, found " +
                         std::to_string(decoder.states_[lane]));
    }
  }
  decoder.words_ = stream.subspan(table_bytes + 4 * kNumStates);
  return decoder;
}

// The symbol that the state shows, and the state before it was coded; a word may have to follow.
inline uint8_t RansDecoder::Step(const Slot* slots, uint32_t& state) {
  const Slot slot = slots[state & kSlotMask];
  const uint32_t frequency = slot >> 8 & kSlotMask;
  state = frequency * (state >> kRansFrequencyBits) + (slot >> 20);
  return static_cast<uint8_t>(slot);
}

// One symbol after the other, each word proved to be there.
Status RansDecoder::DecodeSingly(std::span<uint8_t> indices) {
  for (uint8_t& index : indices) {
    uint32_t& x = states_[num_decoded_++ % kNumStates];
    index = Step(slots_.data(), x);
    if (x >= kLowestState) continue;
    if (next_byte_ == words_.size()) {
      return StreamError("the words end at index " + std::to_string(num_decoded_ - 1) + " of " +
                         std::to_string(num_indices_));
    }
    x = x << 16 | LoadU16(words_.data() + next_byte_);
    next_byte_ += 2;
  }
  return Ok();
}

// Four symbols at a time, one of each state, while no word can be missing: the states do not wait
// for each other, and whether a word follows is no branch. Returns how many it decoded.
size_t RansDecoder::DecodeFours(std::span<uint8_t> indices) {
  const Slot* const slots = slots_.data();
  uint32_t states[kNumStates];
  std::copy_n(states_, kNumStates, states);
  const uint8_t* next = words_.data() + next_byte_;
  const uint8_t* const end = words_.data() + words_.size();
  size_t i = 0;
  for (; indices.size() - i >= kNumStates && end - next >= 2 * kNumStates; i += kNumStates) {
    for (size_t lane = 0; lane < kNumStates; ++lane) {
      uint32_t& x = states[lane];
      indices[i + lane] = Step(slots, x);
      const bool wants_word = x < kLowestState;
      x = wants_word ? x << 16 | LoadU16(next) : x;
      next += wants_word ? 2 : 0;
    }
  }
  std::copy_n(states, kNumStates, states_);
  next_byte_ = static_cast<size_t>(next - words_.data());
  num_decoded_ += static_cast<int64_t>(i);
  return i;
}

Status RansDecoder::Decode(std::span<uint8_t> indices) {
  if (static_cast<int64_t>(indices.size()) > num_indices_ - num_decoded_) std::abort();
  // The last run may have ended between two states.
  const auto past_turn = static_cast<size_t>(num_decoded_ % kNumStates);
  const size_t head = std::min(indices.size(), (kNumStates - past_turn) % kNumStates);
  DEIXIS_RETURN_IF_ERROR(DecodeSingly(indices.first(head)));
  indices = indices.subspan(head);
  return DecodeSingly(indices.subspan(DecodeFours(indices)));
}

Status RansDecoder::Finish() const {
  if (next_byte_ != words_.size()) {
    return StreamError("expected every word to be used, found " +
                       std::to_string(words_.size() - next_byte_) + " bytes left over");
  }
  for (uint32_t state : states_) {
    if (state != kLowestState) {
      return StreamError("expected the states to end at 65536, found " + std::to_string(state));
    }
  }
  return Ok();
}

}  // namespace deixis
