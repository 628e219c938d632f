// What the pickle of a checkpoint means: which objects are tensors, which are plain values, and
// what they are called. Everything here is pure interpretation of a graph that format/pickle.h has
// read; where the bytes of a storage lie is the business of the two file layouts (format/pth.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "format/pickle.h"
#include "format/tensor_file.h"

namespace deixis::pth {

// A flat array that one or more tensors view, as the pickle names it: the persistent id
// ("storage", type, key, location, number of elements). The location (cpu, cuda:0) does not matter.
struct Storage {
  std::string_view key;
  std::string_view type_name;  // "FloatStorage"
  // Nothing for UntypedStorage and for types that are not supported (complex, quantized).
  std::optional<DType> dtype;
  int64_t element_bytes = 0;  // 0 when the type is unknown
  int64_t num_elements = 0;
  std::span<const std::byte> bytes;  // set by the layout

  bool is_untyped() const;
  // num_elements * element_bytes; nothing when it is unknown or overflows.
  std::optional<uint64_t> num_bytes() const;
};

// Every storage that the pickle names, in order of key, without bytes. kInvalidData when one is
// malformed or named in two ways.
Result<std::vector<Storage>> CollectStorages(const pickle::Pickle& pickle);
const Storage* FindStorage(std::span<const Storage> storages, std::string_view key);

// What bounds the answer, whatever the graph claims: references make a small pickle describe a huge
// tree, and a stride of 0 makes one element describe a huge tensor.
struct GraphLimits {
  size_t max_depth = 100;
  size_t max_visits = 1'000'000;       // objects looked at, again for every path to them
  size_t max_text_bytes = 64 << 20;    // of names and values together
  size_t max_copied_bytes = 64 << 20;  // by which non-contiguous tensors may outgrow the file
  size_t max_rank = 64;                // as in PyTorch
  size_t max_inert_globals = 1000;
};

// Fills tensors, values and inert_globals of `file`. Tensors that lie contiguously in a storage
// view it, and `owner` keeps the bytes alive; the others are copied.
Status ReadGraph(const pickle::Pickle& pickle, std::span<const Storage> storages,
                 std::shared_ptr<const void> owner, const GraphLimits& limits, TensorFile& file);

// The classes and functions that the pickle names and that are not interpreted, in order of
// appearance.
std::vector<std::string> InertGlobals(const pickle::Pickle& pickle, size_t max_count);

}  // namespace deixis::pth
