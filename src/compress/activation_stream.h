// Activations of a network over the calibration pictures, one segment at a time: what the next
// segments read is kept, everything else exists for one picture only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/picture_set.h"
#include "compress/segments.h"
#include "kernels/aligned.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "network/model.h"

namespace deixis {

// The kept values of one network, each [N, H, W, C] float32, dense. Two networks may share a value:
// they are never written once they are kept.
class ActivationStream {
 public:
  using Values = std::shared_ptr<const AlignedVector<float>>;

  ActivationStream(const Graph& graph, std::vector<ValueExtents> extents, Values pictures,
                   int64_t num_pictures);

  int64_t num_pictures() const { return num_pictures_; }
  const ValueExtents& extents(int value) const { return extents_[value]; }
  const Values& value(int value) const { return values_[value]; }
  void SetValue(int value, Values values) { values_[value] = std::move(values); }
  void Drop(int value) { values_[value] = nullptr; }
  // Picture n of a kept value: [H, W, C].
  std::span<const float> Picture(int value, int64_t n) const;

  // What the layer gives for picture n before the tail: [H, W, C_out]. Calls come from any thread
  // of the pool, one per picture.
  using OnLayerOutput = std::function<void(int64_t n, std::span<const float> output)>;

  // Runs the segment with `layer` (null when it has none) and gives its output, which is kept by
  // SetValue.
  std::shared_ptr<AlignedVector<float>> Run(const Segment& segment, const PackedConv2dF32* layer,
                                            const OnLayerOutput& on_output, ThreadPool& pool) const;

  // Rows of the im2col matrix of a layer, [C_in, K_h, K_w] innermost as weights are: row t is what
  // output pixel positions[t] of picture n sees. `rows` has row_stride floats from row to row.
  void GatherInputs(const Node& layer, int input, int64_t n, std::span<const int32_t> positions,
                    float* rows, int64_t row_stride) const;

 private:
  void RunTail(const Segment& segment, int64_t n, std::vector<float> current, float* output) const;

  const Graph& graph_;
  std::vector<ValueExtents> extents_;
  int64_t num_pictures_;
  std::vector<Values> values_;
};

// The first pictures of a set that fit, evenly chosen, then their mirror images as far as they fit:
// [count, H, W, 3], normalised as the model wants.
struct CalibrationInput {
  ActivationStream::Values pictures;
  int64_t num_pictures = 0;   // mirror images included
  int64_t num_originals = 0;  // distinct pictures among them
};
Result<CalibrationInput> ReadCalibrationInput(const Preprocessing& preprocessing,
                                              PictureSet& pictures, int64_t max_pictures,
                                              bool mirror, ThreadPool& pool);

}  // namespace deixis
