// The processes that train one network together, perhaps on several machines: c10d with Gloo, found
// through the environment that torchrun sets (MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE) or that
// mpirun sets (OMPI_COMM_WORLD_RANK and _SIZE, with MASTER_ADDR and MASTER_PORT beside them).
//
// A step's pictures are divided among the processes, and what they find out is added up: batch
// norm's statistics, gradients, scores. So several processes compute what one would at the same
// batch, but for the order of sums.
#pragma once

#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace deixis {

struct ProcessGroupAddress {
  int rank = 0;
  int size = 1;
  std::string host = "127.0.0.1";
  int port = 29500;
  bool hosts_store = true;  // rank 0 only; not where torchrun's agent does
};

// From the environment, through `get` (std::getenv elsewhere than in tests, null for what is not
// set). One process without any of the variables. kUsage names a variable that is missing or makes
// no sense.
Result<ProcessGroupAddress> ProcessGroupFromEnvironment(
    const std::function<const char*(const char*)>& get);

class Processes {
 public:
  // Waits until all have come. kDeviceUnavailable when they do not within `timeout` or this
  // LibTorch has no Gloo.
  static Result<std::shared_ptr<Processes>> Join(const ProcessGroupAddress& address,
                                                 std::chrono::milliseconds timeout);
  ~Processes();

  int rank() const { return address_.rank; }
  int size() const { return address_.size; }
  bool is_first() const { return address_.rank == 0; }

  // Adds `tensor` of all processes up, in place; the same bits in each. Throws c10::Error when a
  // process has gone.
  void Sum(torch::Tensor& tensor) const;

 private:
  explicit Processes(const ProcessGroupAddress& address);

  struct Group;  // LibTorch's own types
  ProcessGroupAddress address_;
  std::unique_ptr<Group> group_;  // nothing for one process
};

// The places [begin, end) of 0..count that process `rank` of `size` works on.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
};
Share ShareOf(int64_t count, int rank, int size);

}  // namespace deixis
