#include "compress/layer_samples.h"

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/linear_f32/linear_f32.h"

namespace deixis {
namespace {

// Rows that are gathered, multiplied and forgotten at a time.
constexpr int64_t kBlockRows = 4096;
constexpr int64_t kBlockFloats = int64_t{1} << 25;
constexpr uint64_t kPositionSeed = 0x6C61796572;

// Variance of each column of [rows, columns].
std::vector<double> ColumnVariances(std::span<const float> values, int64_t columns) {
  const auto rows = static_cast<int64_t>(values.size()) / columns;
  std::vector<double> sum(columns, 0.0);
  std::vector<double> square(columns, 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const double value = values[r * columns + c];
      sum[c] += value;
      square[c] += value * value;
    }
  }
  const auto count = static_cast<double>(rows);
  for (int64_t c = 0; c < columns; ++c) {
    const double mean = sum[c] / count;
    square[c] = std::max(0.0, square[c] / count - mean * mean);
  }
  return square;
}

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
  row_length_ = LayerShapeOf(layer_, stream.extents(segment.input)).num_terms();
  int value = segment.layer + 1;
  for (const int index : segment.tail) {
    const Node& node = graph.nodes[index];
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
  original_variance_ = ColumnVariances(goals_, num_outputs_);
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

template <typename Use>
void LayerSamples::ForEachBlock(const ActivationStream& compressed, ThreadPool& pool,
                                const Use& use) const {
  const int64_t width = row_width();
  const int64_t block_rows = std::min(kBlockRows, std::max<int64_t>(1, kBlockFloats / width));
  const int64_t pictures_per_block = std::max<int64_t>(1, block_rows / rows_per_picture_);
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
    use(block.data(), count * rows_per_picture_);
  }
}

LayerSamples::Moments LayerSamples::Gather(const ActivationStream& compressed,
                                           ThreadPool& pool) const {
  // Products of the columns of [X | targets | 1] with each other, or, of a row that is too long for
  // that, with the last ones and themselves.
  const int64_t width = row_width();
  const bool is_whole = row_length_ <= kMaxCovarianceLength;
  std::vector<double> gram(is_whole ? width * width : (num_outputs_ + 1) * width, 0.0);
  std::vector<double> squares(width, 0.0);
  ForEachBlock(compressed, pool, [&](const float* rows, int64_t count) {
    if (is_whole) {
      SymmetricRankKUpdateF32(rows, count, width, width, gram.data(), &pool);
      return;
    }
    AddProductsWithTargets(rows, count, gram, squares);
  });
  if (is_whole) {
    for (int64_t i = 0; i < width; ++i) squares[i] = gram[i * (width + 1)];
  }
  const double* with_targets = is_whole ? gram.data() + row_length_ * width : gram.data();
  const double* sums = with_targets + num_outputs_ * width;
  const auto total = static_cast<double>(num_rows());
  const auto variance = [&](int64_t i) {
    const double mean = sums[i] / total;
    return std::max(0.0, squares[i] / total - mean * mean);
  };
  Moments moments;
  moments.original_variance = original_variance_;
  for (int64_t i = 0; i < row_length_; ++i) {
    moments.input_mean.push_back(sums[i] / total);
    moments.input_variance.push_back(variance(i));
  }
  for (int64_t o = 0; o < num_outputs_; ++o) {
    moments.target_mean.push_back(sums[row_length_ + o] / total);
    moments.target_variance.push_back(variance(row_length_ + o));
  }
  if (is_whole) {
    moments.covariance.resize(row_length_ * row_length_);
    for (int64_t i = 0; i < row_length_; ++i) {
      for (int64_t j = 0; j < row_length_; ++j) {
        moments.covariance[i * row_length_ + j] = static_cast<float>(
            gram[i * width + j] / total - moments.input_mean[i] * moments.input_mean[j]);
      }
    }
  }
  moments.cross.resize(num_outputs_ * row_length_);
  for (int64_t o = 0; o < num_outputs_; ++o) {
    for (int64_t i = 0; i < row_length_; ++i) {
      moments.cross[o * row_length_ + i] = static_cast<float>(
          with_targets[o * width + i] / total - moments.target_mean[o] * moments.input_mean[i]);
    }
  }
  return moments;
}

void LayerSamples::AddProductsWithTargets(const float* rows, int64_t count,
                                          std::vector<double>& products,
                                          std::vector<double>& squares) const {
  const int64_t width = row_width();
  for (int64_t r = 0; r < count; ++r) {
    const float* row = rows + r * width;
    for (int64_t i = 0; i < width; ++i) squares[i] += double{row[i]} * row[i];
    for (int64_t o = 0; o <= num_outputs_; ++o) {
      const double factor = row[row_length_ + o];
      double* sum = products.data() + o * width;
      for (int64_t i = 0; i < width; ++i) sum[i] += factor * row[i];
    }
  }
}

std::vector<double> LayerSamples::OutputVariances(const ActivationStream& compressed,
                                                  std::span<const float> weights,
                                                  ThreadPool& pool) const {
  const int64_t width = row_width();
  const PackedConv2dF32 packed = PackLinearF32(row_length_, num_outputs_, weights);
  std::vector<float> outputs;
  AlignedVector<float> inputs;
  ForEachBlock(compressed, pool, [&](const float* rows, int64_t count) {
    inputs.resize(count * row_length_);
    for (int64_t r = 0; r < count; ++r) {
      std::copy_n(rows + r * width, row_length_, inputs.data() + r * row_length_);
    }
    const size_t begin = outputs.size();
    outputs.resize(begin + count * num_outputs_);
    LinearF32(packed, inputs.data(), outputs.data() + begin, count, &pool);
  });
  return ColumnVariances(outputs, num_outputs_);
}

}  // namespace deixis
