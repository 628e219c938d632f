#include "compress/layer_samples.h"

#include <Eigen/Core>
#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

// Rows that are gathered, multiplied and forgotten at a time.
constexpr int64_t kBlockRows = 4096;
constexpr uint64_t kPositionSeed = 0x6C61796572;

using RowMajorMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixView = Eigen::Map<const RowMajorMatrix, 0, Eigen::OuterStride<>>;

}  // namespace

LayerSamples::LayerSamples(const Graph& graph, const Segment& segment,
                           const ActivationStream& stream, int64_t max_rows)
    : graph_(graph),
      segment_(segment),
      layer_(graph.nodes[segment.layer]),
      num_pictures_(stream.num_pictures()) {
  const ValueExtents& out = stream.extents(segment.layer + 1);
  const int64_t pixels = out.height * out.width;
  rows_per_picture_ = std::clamp<int64_t>(max_rows / num_pictures_, 1, pixels);
  num_outputs_ = out.channels;
  const int64_t filter = std::max<int64_t>(layer_.filter_size, 1);
  row_length_ = stream.extents(segment.input).channels * filter * filter;
  int value = segment.layer + 1;
  for (const int index : segment.tail) {
    const Node& node = graph.nodes[index];
    if (node.kind == OpKind::kRelu) relu_follows_ = true;
    if (node.kind != OpKind::kBatchNorm && node.kind != OpKind::kAdd) break;
    if (node.kind == OpKind::kAdd) {
      shortcuts_.push_back(node.inputs[0] == value ? node.inputs[1] : node.inputs[0]);
    }
    value = index + 1;
  }
  positions_.resize(num_rows());
  std::vector<int32_t> all(pixels);
  Rng rng(kPositionSeed + static_cast<uint64_t>(segment.layer));
  for (int64_t n = 0; n < num_pictures_; ++n) {
    std::iota(all.begin(), all.end(), 0);
    for (int64_t t = 0; t < rows_per_picture_; ++t) {
      std::swap(all[t], all[t + static_cast<int64_t>(rng.Below(pixels - t))]);
    }
    std::copy_n(all.begin(), rows_per_picture_, positions_.begin() + first_row(n));
  }
  goals_.resize(num_rows() * num_outputs_);
}

void LayerSamples::TakeOriginal(int64_t n, std::span<const float> layer_output) {
  const std::span<const int32_t> pixels = positions(n);
  float* to = goals_.data() + first_row(n) * num_outputs_;
  for (size_t t = 0; t < pixels.size(); ++t) {
    std::copy_n(layer_output.data() + pixels[t] * num_outputs_, num_outputs_,
                to + static_cast<int64_t>(t) * num_outputs_);
  }
}

void LayerSamples::TakeShortcuts(const ActivationStream& original,
                                 const ActivationStream& compressed, ThreadPool& pool) {
  if (shortcuts_.empty()) return;
  shortcut_.assign(goals_.size(), 0.0f);
  pool.ParallelFor(num_pictures_, [&](int64_t n, int) {
    const std::span<const int32_t> pixels = positions(n);
    for (const int value : shortcuts_) {
      const float* from_original = original.Picture(value, n).data();
      const float* from_compressed = compressed.Picture(value, n).data();
      for (size_t t = 0; t < pixels.size(); ++t) {
        const int64_t to = (first_row(n) + static_cast<int64_t>(t)) * num_outputs_;
        const int64_t from = pixels[t] * num_outputs_;
        for (int64_t o = 0; o < num_outputs_; ++o) {
          goals_[to + o] += from_original[from + o];
          shortcut_[to + o] += from_compressed[from + o];
        }
      }
    }
  });
}

LayerSamples::Moments LayerSamples::Gather(const ActivationStream& compressed,
                                           ThreadPool& pool) const {
  // One matrix [X | targets | 1]: its Gram matrix holds everything.
  const int64_t width = row_length_ + num_outputs_ + 1;
  const int64_t pictures_per_block = std::max<int64_t>(1, kBlockRows / rows_per_picture_);
  std::vector<double> gram(width * width, 0.0);
  AlignedVector<float> block(pictures_per_block * rows_per_picture_ * width);
  for (int64_t begin = 0; begin < num_pictures_; begin += pictures_per_block) {
    const int64_t count = std::min(pictures_per_block, num_pictures_ - begin);
    pool.ParallelFor(count, [&](int64_t i, int) {
      const int64_t n = begin + i;
      float* rows = block.data() + i * rows_per_picture_ * width;
      compressed.GatherInputs(layer_, segment_.input, n, positions(n), rows, width);
      for (int64_t t = 0; t < rows_per_picture_; ++t) {
        float* target = rows + t * width + row_length_;
        const int64_t at = (first_row(n) + t) * num_outputs_;
        for (int64_t o = 0; o < num_outputs_; ++o) {
          target[o] = goals_[at + o] - (shortcut_.empty() ? 0.0f : shortcut_[at + o]);
        }
        target[num_outputs_] = 1.0f;
      }
    });
    SymmetricRankKUpdateF32(block.data(), count * rows_per_picture_, width, width, gram.data(),
                            &pool);
  }
  const auto total = static_cast<double>(num_rows());
  const double* sums = gram.data() + (width - 1) * width;
  Moments moments;
  for (int64_t i = 0; i < row_length_; ++i) moments.input_mean.push_back(sums[i] / total);
  for (int64_t o = 0; o < num_outputs_; ++o) {
    const double mean = sums[row_length_ + o] / total;
    moments.target_mean.push_back(mean);
    moments.target_variance.push_back(
        std::max(0.0, gram[(row_length_ + o) * (width + 1)] / total - mean * mean));
  }
  moments.covariance.resize(row_length_ * row_length_);
  for (int64_t i = 0; i < row_length_; ++i) {
    for (int64_t j = 0; j < row_length_; ++j) {
      moments.covariance[i * row_length_ + j] = static_cast<float>(
          gram[i * width + j] / total - moments.input_mean[i] * moments.input_mean[j]);
    }
  }
  moments.cross.resize(num_outputs_ * row_length_);
  for (int64_t o = 0; o < num_outputs_; ++o) {
    for (int64_t i = 0; i < row_length_; ++i) {
      moments.cross[o * row_length_ + i] =
          static_cast<float>(gram[(row_length_ + o) * width + i] / total -
                             moments.target_mean[o] * moments.input_mean[i]);
    }
  }
  return moments;
}

LayerSamples::RectifiedMoments LayerSamples::GatherRectified(const ActivationStream& compressed,
                                                             const Moments& moments,
                                                             std::span<const float> weights,
                                                             std::span<const float> bias,
                                                             ThreadPool& pool) const {
  const PackedConv2dF32 packed = PackLinearF32(row_length_, num_outputs_, weights, bias);
  const int64_t pictures_per_block = std::max<int64_t>(1, kBlockRows / rows_per_picture_);
  AlignedVector<float> inputs(pictures_per_block * rows_per_picture_ * row_length_);
  AlignedVector<float> outputs(pictures_per_block * rows_per_picture_ * num_outputs_);
  // Differences to Gather's targets are summed: they are sparse and small, so float32 is enough.
  RowMajorMatrix cross = RowMajorMatrix::Zero(num_outputs_, row_length_);
  std::vector<double> mean(num_outputs_, 0.0);
  for (int64_t begin = 0; begin < num_pictures_; begin += pictures_per_block) {
    const int64_t count = std::min(pictures_per_block, num_pictures_ - begin);
    pool.ParallelFor(count, [&](int64_t i, int) {
      compressed.GatherInputs(layer_, segment_.input, begin + i, positions(begin + i),
                              inputs.data() + i * rows_per_picture_ * row_length_, row_length_);
    });
    const int64_t rows = count * rows_per_picture_;
    LinearF32(packed, inputs.data(), outputs.data(), rows, &pool);
    const int64_t offset = first_row(begin) * num_outputs_;
    for (int64_t at = 0; at < rows * num_outputs_; ++at) {
      const float goal = goals_[offset + at];
      const float shortcut = shortcut_.empty() ? 0.0f : shortcut_[offset + at];
      const float target = goal > 0 ? goal : std::min(outputs[at] + shortcut, 0.0f);
      outputs[at] = target - goal;  // both with the shortcut, which cancels
      mean[at % num_outputs_] += outputs[at];
    }
    const int64_t columns_per_chunk = 256;
    pool.ParallelFor((row_length_ + columns_per_chunk - 1) / columns_per_chunk, [&](int64_t chunk,
                                                                                    int) {
      const int64_t first = chunk * columns_per_chunk;
      const int64_t columns = std::min(columns_per_chunk, row_length_ - first);
      const MatrixView x(inputs.data() + first, rows, columns, Eigen::OuterStride<>(row_length_));
      const MatrixView d(outputs.data(), rows, num_outputs_, Eigen::OuterStride<>(num_outputs_));
      cross.middleCols(first, columns).noalias() += d.transpose() * x;
    });
  }
  const auto total = static_cast<double>(num_rows());
  RectifiedMoments result;
  result.cross = moments.cross;
  for (int64_t o = 0; o < num_outputs_; ++o) {
    const double shift = mean[o] / total;
    result.target_mean.push_back(moments.target_mean[o] + shift);
    for (int64_t i = 0; i < row_length_; ++i) {
      result.cross[o * row_length_ + i] +=
          static_cast<float>(double{cross(o, i)} / total - shift * moments.input_mean[i]);
    }
  }
  return result;
}

}  // namespace deixis
