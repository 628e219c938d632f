// Networks with made-up weights for tests: any known architecture, the same numbers on every
// machine and in tools/golden/network_golden.py, which gives them to PyTorch. Nothing is stored but
// a seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/tensor.h"
#include "format/tensor_file.h"
#include "network/architecture.h"
#include "network/graph.h"

namespace deixis::testing {

// `count` floats: offset + span * (u - 1/2), u the upper 24 bits of the next random word as a
// fraction. One rounding per operation, all in float, so that NumPy computes the same bits.
inline std::vector<float> UniformFloats(Rng& rng, int64_t count, float offset, float span) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    const float unit = static_cast<float>(rng.NextBits() >> 40) * 0x1.0p-24f;
    const float centered = unit - 0.5f;
    const float scaled = span * centered;
    value = offset + scaled;
  }
  return values;
}

// A whole state dict in torchvision's order. Convolutions keep the variance of what they see (He et
// al., 2015); batch norms are far from the identity in all four parameters.
inline std::vector<NamedTensor> SyntheticStateDict(Architecture architecture, int64_t num_outputs,
                                                   uint64_t seed) {
  architecture.num_outputs = num_outputs;
  Rng rng(seed);
  std::vector<NamedTensor> tensors;
  for (const ParameterSpec& parameter : ParametersOf(BuildGraph(architecture))) {
    const std::string_view name = parameter.name;
    const int64_t count = *NumElements(parameter.shape);
    if (name.ends_with(".num_batches_tracked")) {
      tensors.push_back({parameter.name, Tensor::FromVector<int64_t>({}, {17})});
      continue;
    }
    float offset = 0.0f;
    float span = 0.5f;  // biases and running means
    if (parameter.shape.size() >= 2) {
      const int64_t fan_in =
          *NumElements(Shape(parameter.shape.begin() + 1, parameter.shape.end()));
      span = static_cast<float>(std::sqrt(24.0 / static_cast<double>(fan_in)));
    } else if (name.ends_with(".weight") || name.ends_with(".running_var")) {
      offset = 1.0f;
      span = 1.0f;
    }
    tensors.push_back(
        {parameter.name,
         Tensor::FromVector<float>(parameter.shape, UniformFloats(rng, count, offset, span))});
  }
  return tensors;
}

inline TensorFile SyntheticFile(const Architecture& architecture, int64_t num_outputs,
                                uint64_t seed) {
  TensorFile file;
  file.tensors = SyntheticStateDict(architecture, num_outputs, seed);
  return file;
}

// A normalised picture, f32 [H, W, 3], values in -2..2.
inline std::vector<float> SyntheticInput(int64_t height_px, int64_t width_px, uint64_t seed) {
  Rng rng(seed);
  return UniformFloats(rng, height_px * width_px * 3, 0.0f, 4.0f);
}

}  // namespace deixis::testing
