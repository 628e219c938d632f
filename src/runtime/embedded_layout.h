// A quantized network laid out ahead of time for src/embedded, and the C file that holds it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "embedded/network.h"
#include "kernels/aligned.h"
#include "network/model.h"

namespace deixis {

struct EmbeddedLayout {
  std::vector<DeixisValue> values;
  std::vector<DeixisStep> steps;
  AlignedVector<uint8_t> weights;
  DeixisNetwork header = {};  // without the pointers

  // With pointers into this layout.
  DeixisNetwork network() const;
};

// The plan of a model with quantized activations, its weights as the kernels read them. kUsage when
// the activations have no scales; kResources beyond the 2 GiB that the layout's offsets reach; else
// as Executor::Create.
Result<EmbeddedLayout> LayOutEmbedded(const Model& model);

// The layout as a C file that defines `deixis_network`, a DeixisNetwork: with external linkage, or
// static when it `is_header`. `title` goes into a comment.
std::string EmbeddedSource(const EmbeddedLayout& layout, std::string_view title, bool is_header);

}  // namespace deixis
