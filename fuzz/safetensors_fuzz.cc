// safetensors bytes: every tensor that a header promises lies within the file, and all of its bytes
// can be read.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = deixis::ReadSafetensors(std::as_bytes(std::span(data, size)));
  if (!file.ok()) return 0;
  uint64_t num_bytes = 0;
  unsigned sum = 0;
  for (const deixis::NamedTensor& named : file->tensors) {
    num_bytes += static_cast<uint64_t>(named.tensor.num_bytes());
    for (std::byte byte : named.tensor.bytes()) sum += static_cast<unsigned>(byte);
  }
  if (num_bytes > size || sum > 255 * num_bytes) std::abort();
  return 0;
}
