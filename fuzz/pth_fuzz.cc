// Any bytes as a checkpoint, in either layout.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "check_tensors.h"
#include "format/pth.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto owner = std::make_shared<const std::vector<uint8_t>>(data, data + size);
  const auto file = deixis::ReadPth(std::as_bytes(std::span(*owner)), owner);
  if (file.ok()) {
    deixis::CheckTensors(*file);
  } else if (file.error().message.empty() || file.error().remedy.empty()) {
    std::abort();
  }
  return 0;
}
