// Any bytes as the pickle of a checkpoint whose storages are all there: past the checksums and
// sizes of the layouts, into the interpretation of the graph.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "check_tensors.h"
#include "format/pth_graph.h"

namespace {

constexpr size_t kMaxStorageBytes = 1024;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deixis;
  const auto pickle = pickle::Pickle::Parse(std::as_bytes(std::span(data, size)));
  if (!pickle.ok()) return 0;
  auto storages = pth::CollectStorages(*pickle);
  if (!storages.ok()) return 0;
  for (const pth::Storage& storage : *storages) {
    const auto num_bytes = storage.num_bytes();
    if (!num_bytes || *num_bytes > kMaxStorageBytes) return 0;
  }
  // Each of exactly its size, so that a read past its end is noticed.
  auto memory = std::make_shared<std::vector<std::vector<std::byte>>>();
  for (pth::Storage& storage : *storages) {
    memory->emplace_back(static_cast<size_t>(*storage.num_bytes()));
    storage.bytes = memory->back();
  }
  pth::GraphLimits limits;
  limits.max_visits = 10'000;
  limits.max_copied_bytes = 1 << 16;
  TensorFile file;
  const Status status = pth::ReadGraph(*pickle, *storages, memory, limits, file);
  if (status.ok()) {
    CheckTensors(file);
  } else if (status.error().message.empty() || status.error().remedy.empty()) {
    std::abort();
  }
  return 0;
}
