#include "train/processes.h"

#include <charconv>
#include <string_view>
#include <utility>

#ifdef DEIXIS_HAS_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace deixis {
namespace {

constexpr int kMostProcesses = 4096;

using Environment = std::function<const char*(const char*)>;

// The first of `names` that is set, as a whole number within low..high.
Result<std::optional<int>> IntegerOf(const Environment& get,
                                     std::initializer_list<const char*> names, int low, int high) {
  for (const char* name : names) {
    const char* text = get(name);
    if (text == nullptr) continue;
    int value = 0;
    const std::string_view view(text);
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
    if (error != std::errc{} || end != view.data() + view.size() || value < low || value > high) {
      return UsageError(std::string(name) + ": expected a whole number within " +
                        std::to_string(low) + ".." + std::to_string(high) + ", found \"" + text +
                        "\"");
    }
    return std::optional<int>(value);
  }
  return std::optional<int>();
}

}  // namespace

Result<ProcessGroupAddress> ProcessGroupFromEnvironment(const Environment& get) {
  ProcessGroupAddress address;
  DEIXIS_ASSIGN(const std::optional<int> size,
                IntegerOf(get, {"WORLD_SIZE", "OMPI_COMM_WORLD_SIZE"}, 1, kMostProcesses));
  if (!size || *size == 1) return address;
  address.size = *size;
  DEIXIS_ASSIGN(const std::optional<int> rank,
                IntegerOf(get, {"RANK", "OMPI_COMM_WORLD_RANK"}, 0, *size - 1));
  if (!rank) {
    return UsageError("RANK: expected this process's number, 0.." + std::to_string(*size - 1) +
                          ", since WORLD_SIZE is " + std::to_string(*size) + "; found none",
                      "start deixis-train by torchrun or mpirun");
  }
  address.rank = *rank;
  const char* host = get("MASTER_ADDR");
  if (host == nullptr || *host == '\0') {
    return UsageError("MASTER_ADDR: expected the address of the machine of rank 0, found none",
                      "for processes on one machine MASTER_ADDR=127.0.0.1 MASTER_PORT=29500");
  }
  address.host = host;
  DEIXIS_ASSIGN(const std::optional<int> port, IntegerOf(get, {"MASTER_PORT"}, 1, 65535));
  address.port = port.value_or(address.port);
  const char* agent = get("TORCHELASTIC_USE_AGENT_STORE");
  address.hosts_store = *rank == 0 && (agent == nullptr || std::string_view(agent) != "True");
  return address;
}

Share ShareOf(int64_t count, int rank, int size) {
  return {.begin = count * rank / size, .end = count * (rank + 1) / size};
}

#ifdef DEIXIS_HAS_GLOO

struct Processes::Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

Result<std::shared_ptr<Processes>> Processes::Join(const ProcessGroupAddress& address,
                                                   std::chrono::milliseconds timeout) {
  std::shared_ptr<Processes> processes(new Processes(address));
  if (address.size == 1) return processes;
  try {
    c10d::TCPStoreOptions store;
    store.port = static_cast<uint16_t>(address.port);
    store.isServer = address.hosts_store;
    store.timeout = timeout;
    store.waitWorkers = false;
    auto group = std::make_unique<Group>();
    group->store = c10::make_intrusive<c10d::PrefixStore>(
        "deixis-train", c10::make_intrusive<c10d::TCPStore>(address.host, store));
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = timeout;
    const bool is_local = address.host == "127.0.0.1" || address.host == "localhost";
    options->devices.push_back(is_local
                                   ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                   : c10d::ProcessGroupGloo::createDefaultDevice());
    group->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(group->store, address.rank,
                                                              address.size, options);
    processes->group_ = std::move(group);
  } catch (const std::exception& failure) {
    const std::string text = failure.what();
    return Error{ErrorCode::kDeviceUnavailable,
                 "process " + std::to_string(address.rank) + " of " + std::to_string(address.size) +
                     ": cannot join the others at " + address.host + ":" +
                     std::to_string(address.port) + ": " + text.substr(0, text.find('\n')),
                 "start every process, with the same MASTER_ADDR and MASTER_PORT"};
  }
  return processes;
}

void Processes::Sum(torch::Tensor& tensor) const {
  if (!group_) return;
  std::vector<torch::Tensor> tensors = {tensor.to(torch::kCPU).contiguous()};
  group_->gloo->allreduce(tensors)->wait();
  if (!tensors[0].is_same(tensor)) tensor.copy_(tensors[0]);
}

#else

struct Processes::Group {};

Result<std::shared_ptr<Processes>> Processes::Join(const ProcessGroupAddress& address,
                                                   std::chrono::milliseconds) {
  if (address.size > 1) {
    return Error{ErrorCode::kDeviceUnavailable,
                 "several processes: expected a deixis-train built with Gloo, found one without",
                 "install libgloo-dev and build again"};
  }
  return std::shared_ptr<Processes>(new Processes(address));
}

void Processes::Sum(torch::Tensor&) const {}

#endif

Processes::Processes(const ProcessGroupAddress& address) : address_(address) {}
Processes::~Processes() = default;

}  // namespace deixis
