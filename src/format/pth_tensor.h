// One tensor of a checkpoint: from the call that PyTorch would make to rebuild it, to its bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/tensor.h"
#include "format/pickle.h"
#include "format/pth_graph.h"

namespace deixis::pth {

// The allow-list: the classes and functions whose meaning is built in here (constructors of
// tensors, OrderedDict, torch.Size, torch.device, dtypes, storage types). None is ever called.
bool IsInterpreted(std::string_view module, std::string_view name);
// torch.float32 and the like.
bool IsDTypeName(std::string_view module, std::string_view name);

class TensorBuilder {
 public:
  TensorBuilder(const pickle::Pickle& pickle, std::span<const Storage> storages,
                std::shared_ptr<const void> owner, const GraphLimits& limits);

  // A call of an allow-listed constructor of tensors.
  bool IsTensor(pickle::Ref ref) const;
  // A call of another function by which PyTorch rebuilds tensors (sparse, quantized, ...).
  bool IsUnsupportedTensor(pickle::Ref ref) const;

  // The tensor, proven to lie within its storage. A view where it is contiguous, else a copy; all
  // copies together are bounded by the storages' size and GraphLimits::max_copied_bytes.
  // IsTensor(ref).
  Result<Tensor> Build(pickle::Ref ref);

 private:
  struct Layout;  // what a rebuild call says
  struct Slice;   // the part of a storage that a persistent id stands for
  Result<Layout> ReadLayout(pickle::Ref ref) const;
  Result<Slice> ReadSlice(pickle::Ref ref) const;
  Result<std::vector<int64_t>> ReadIntegers(pickle::Ref ref, std::string_view what) const;
  Status CheckMetadata(pickle::Ref ref) const;
  Result<Tensor> Copy(DType dtype, const Layout& layout, std::span<const std::byte> storage,
                      size_t num_bytes);

  const pickle::Pickle& pickle_;
  std::span<const Storage> storages_;
  std::shared_ptr<const void> owner_;
  GraphLimits limits_;
  size_t max_copied_bytes_ = 0;
  size_t num_copied_bytes_ = 0;
};

}  // namespace deixis::pth
