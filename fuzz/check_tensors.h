// What must hold for every TensorFile that a reader returns, whatever the input was.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "format/tensor_file.h"

namespace deixis {

inline void CheckTensors(const TensorFile& file) {
  uint8_t sum = 0;
  for (const NamedTensor& named : file.tensors) {
    const Tensor& tensor = named.tensor;
    const auto count = NumElements(tensor.shape());
    if (!count || *count * SizeOf(tensor.dtype()) != tensor.num_bytes()) std::abort();
    for (const std::byte byte : tensor.bytes())
      sum = static_cast<uint8_t>(sum ^ static_cast<uint8_t>(byte));
    if (file.Find(named.name) != &tensor) std::abort();  // names are unique
  }
  [[maybe_unused]] volatile uint8_t read = sum;  // every byte is there
}

}  // namespace deixis
