// rANS, both ways. The first two bytes choose the alphabet and the direction. Forwards: any indices
// come back. Backwards: any stream is refused or decodes to indices of the alphabet, in bounded
// time.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "format/rans.h"

namespace {

void DecodeAnything(std::span<const uint8_t> stream, int num_symbols, int64_t num_indices) {
  auto decoder = deixis::RansDecoder::Create(stream, num_symbols, num_indices);
  if (!decoder.ok()) return;
  std::vector<uint8_t> indices(static_cast<size_t>(num_indices));
  if (!decoder->Decode(indices).ok()) return;
  (void)decoder->Finish().ok();
  if (std::ranges::any_of(indices, [=](uint8_t index) { return index >= num_symbols; })) {
    std::abort();
  }
}

void RoundTrip(std::span<const uint8_t> bytes, int num_symbols) {
  std::vector<uint8_t> indices(bytes.begin(), bytes.end());
  for (uint8_t& index : indices) index = static_cast<uint8_t>(index % num_symbols);
  const auto stream = deixis::RansEncode(indices, num_symbols);
  auto decoder =
      deixis::RansDecoder::Create(stream, num_symbols, static_cast<int64_t>(indices.size()));
  if (!decoder.ok()) std::abort();
  std::vector<uint8_t> decoded(indices.size());
  if (!decoder->Decode(decoded).ok() || !decoder->Finish().ok() || decoded != indices) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const int num_symbols = 2 + data[0] % 255;
  const auto rest = std::span(data, size).subspan(4);
  if (data[1] % 2 == 0) {
    RoundTrip(rest, num_symbols);
  } else {
    DecodeAnything(rest, num_symbols, data[2] | data[3] << 8);
  }
  return 0;
}
