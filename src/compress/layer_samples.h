// What one layer of the compressed network sees and what it should give, at a fixed sample of
// output pixels of every calibration picture.
//
// Row r is one output pixel. The layer's output joins what a shortcut adds, z = x̂ w + bias +
// shortcut, and the original network had z₀ there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "compress/activation_stream.h"
#include "compress/layer_fit.h"
#include "compress/segments.h"

namespace deixis {

class LayerSamples {
 public:
  // At most max_rows rows, the same number of pixels from each picture. Deterministic.
  LayerSamples(const Graph& graph, const Segment& segment, const ActivationStream& stream,
               int64_t max_rows);

  // Takes row samples out of the original's output of the layer for picture n; any thread.
  void TakeOriginal(int64_t n, std::span<const float> layer_output);
  // Adds what the shortcuts contribute, once the layer has run in the original; `compressed` is at
  // the same point.
  void TakeShortcuts(const ActivationStream& original, const ActivationStream& compressed,
                     ThreadPool& pool);

  int64_t num_rows() const { return num_pictures_ * rows_per_picture_; }
  int64_t num_outputs() const { return num_outputs_; }
  int64_t row_length() const { return row_length_; }

  // Means, and centred second moments per row, of inputs and targets.
  struct Moments {
    std::vector<double> input_mean;       // [I]
    std::vector<double> target_mean;      // [C_out]
    std::vector<double> target_variance;  // [C_out]
    // Of what the layer gave in the original network, without shortcuts.
    std::vector<double> original_variance;  // [C_out]
    std::vector<double> input_variance;     // [I]
    // Of inputs [I, I]; empty for rows longer than kMaxCovarianceLength (a flatten head's 25,088
    // would take gigabytes).
    std::vector<float> covariance;
    std::vector<float> cross;  // of targets with inputs [C_out, I]
  };
  // No convolution of a ResNet has longer rows.
  static constexpr int64_t kMaxCovarianceLength = 4608;
  // Targets are what the layer itself should give: z₀ less the compressed shortcut.
  Moments Gather(const ActivationStream& compressed, ThreadPool& pool) const;
  // Variance over the rows of what `weights` [C_out, I] give for them.
  std::vector<double> OutputVariances(const ActivationStream& compressed,
                                      std::span<const float> weights, ThreadPool& pool) const;

 private:
  // Calls use(rows, count) with blocks of rows [inputs | targets | 1], in their order.
  template <typename Use>
  void ForEachBlock(const ActivationStream& compressed, ThreadPool& pool, const Use& use) const;
  // For rows [count, row_width()]: the sums of targets and 1 times each column [C_out + 1, width],
  // and of each column's squares.
  void AddProductsWithTargets(const float* rows, int64_t count, std::vector<double>& products,
                              std::vector<double>& squares) const;
  int64_t row_width() const { return row_length_ + num_outputs_ + 1; }
  int64_t first_row(int64_t n) const { return n * rows_per_picture_; }
  std::span<const int32_t> positions(int64_t n) const {
    return std::span(positions_).subspan(first_row(n), rows_per_picture_);
  }

  const Graph& graph_;
  const Segment& segment_;
  const Node& layer_;
  int64_t num_pictures_;
  int64_t rows_per_picture_;
  int64_t num_outputs_;
  int64_t row_length_;
  std::vector<int> shortcuts_;      // values that the tail adds before the ReLU
  std::vector<int32_t> positions_;  // [rows]: output pixel
  std::vector<float> goals_;        // z₀ [rows, C_out]
  std::vector<double> original_variance_;
  std::vector<float> shortcut_;  // of the compressed network [rows, C_out]; empty without one
};

}  // namespace deixis
