#include "compress/activation_stream.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "kernels/elementwise_f32/elementwise_f32.h"
#include "kernels/nhwc.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/soft_argmax_f32/soft_argmax_f32.h"
#include "kernels/subsample_pad.h"

namespace deixis {
namespace {

NhwcExtents DenseExtents(const ValueExtents& extents, int64_t border = 0) {
  return {.batch = 1,
          .height = extents.height,
          .width = extents.width,
          .channels = extents.channels,
          .border = border};
}

}  // namespace

ActivationStream::ActivationStream(const Graph& graph, std::vector<ValueExtents> extents,
                                   Values pictures, int64_t num_pictures)
    : graph_(graph),
      extents_(std::move(extents)),
      num_pictures_(num_pictures),
      values_(extents_.size()) {
  values_[0] = std::move(pictures);
}

std::span<const float> ActivationStream::Picture(int value, int64_t n) const {
  const int64_t elements = extents_[value].num_elements();
  return std::span<const float>(*values_[value]).subspan(n * elements, elements);
}

void ActivationStream::RunTail(const Segment& segment, int64_t n, std::vector<float> current,
                               float* output) const {
  int value = segment.layer >= 0 ? segment.layer + 1 : segment.input;
  for (const int index : segment.tail) {
    const Node& node = graph_.nodes[index];
    const ValueExtents& to = extents_[index + 1];
    switch (node.kind) {
      case OpKind::kRelu:
        for (float& x : current) x = std::max(x, 0.0f);
        break;
      case OpKind::kAdd: {
        const int other = node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
        const std::span<const float> addend = Picture(other, n);
        for (size_t i = 0; i < current.size(); ++i) current[i] += addend[i];
        break;
      }
      case OpKind::kMaxPool:
      case OpKind::kGlobalAveragePool:
      case OpKind::kSubsamplePad: {
        std::vector<float> next(to.num_elements());
        const NhwcView<const float> from = DenseView<const float>(
            static_cast<const float*>(current.data()), DenseExtents(extents_[value]));
        const NhwcView<float> into = DenseView(next.data(), DenseExtents(to));
        if (node.kind == OpKind::kMaxPool) {
          MaxPoolF32(
              {.filter_size = node.filter_size, .stride = node.stride, .padding = node.padding},
              from, into);
        } else if (node.kind == OpKind::kGlobalAveragePool) {
          float* means = next.data();
          for (const int input : node.inputs) {
            const NhwcExtents extents = DenseExtents(extents_[input]);
            GlobalAveragePoolF32(
                input == value ? from : DenseView(Picture(input, n).data(), extents), means);
            means += extents.channels;
          }
        } else {
          SubsamplePad<float>(node.stride, 0.0f, from, into);
        }
        current = std::move(next);
        break;
      }
      case OpKind::kSoftArgmax: {
        std::vector<float> answer(to.num_elements());
        SoftArgmaxF32(DenseView<const float>(static_cast<const float*>(current.data()),
                                             DenseExtents(extents_[value])),
                      to.channels, answer.data());
        current = std::move(answer);
        break;
      }
      case OpKind::kBatchNorm:  // folded into its convolution
      case OpKind::kConv2d:
      case OpKind::kLinear:
        break;
    }
    value = index + 1;
  }
  std::copy(current.begin(), current.end(), output);
}

std::shared_ptr<AlignedVector<float>> ActivationStream::Run(const Segment& segment,
                                                            const PackedConv2dF32* layer,
                                                            const OnLayerOutput& on_output,
                                                            ThreadPool& pool) const {
  const int64_t out_elements = extents_[segment.output].num_elements();
  auto result = std::make_shared<AlignedVector<float>>(num_pictures_ * out_elements);
  const ValueExtents& in = extents_[segment.input];
  const int64_t border = layer != nullptr ? layer->shape.padding : 0;
  std::vector<NhwcBuffer<float>> bordered;  // one per thread, its border zero for good
  for (int thread = 0; thread < pool.num_threads() && layer != nullptr; ++thread) {
    bordered.emplace_back(DenseExtents(in, border));
  }
  pool.ParallelFor(num_pictures_, [&](int64_t n, int thread) {
    const std::span<const float> picture = Picture(segment.input, n);
    std::vector<float> current;
    if (layer == nullptr) {
      current.assign(picture.begin(), picture.end());
    } else {
      const NhwcView<float> input = bordered[thread].view();
      const int64_t row = in.width * in.channels;
      for (int64_t y = 0; y < in.height; ++y) {
        std::copy_n(picture.data() + y * row, row, input.Pixel(0, y, 0));
      }
      const ValueExtents& out = extents_[segment.layer + 1];
      current.resize(out.num_elements());
      Conv2dF32(*layer, input, DenseView(current.data(), DenseExtents(out)));
      if (on_output) on_output(n, current);
    }
    RunTail(segment, n, std::move(current), result->data() + n * out_elements);
  });
  return result;
}

void ActivationStream::GatherInputs(const Node& layer, int input, int64_t n,
                                    std::span<const int32_t> positions, float* rows,
                                    int64_t row_stride) const {
  const ValueExtents& in = extents_[input];
  const std::span<const float> picture = Picture(input, n);
  const Conv2dShape shape = LayerShapeOf(layer, in);
  const int64_t out_width = shape.OutputWidth(in.width);
  const int64_t area = shape.filter_height * shape.filter_width;
  for (size_t t = 0; t < positions.size(); ++t) {
    float* row = rows + static_cast<int64_t>(t) * row_stride;
    const int64_t top = positions[t] / out_width * shape.stride - shape.padding;
    const int64_t left = positions[t] % out_width * shape.stride - shape.padding;
    for (int64_t r = 0; r < shape.filter_height; ++r) {
      for (int64_t s = 0; s < shape.filter_width; ++s) {
        const int64_t y = top + r;
        const int64_t x = left + s;
        const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
        const float* pixel = inside ? picture.data() + (y * in.width + x) * in.channels : nullptr;
        float* to = row + r * shape.filter_width + s;
        for (int64_t c = 0; c < in.channels; ++c) to[c * area] = inside ? pixel[c] : 0.0f;
      }
    }
  }
}

Result<CalibrationInput> ReadCalibrationInput(const Preprocessing& preprocessing,
                                              PictureSet& pictures, int64_t max_pictures,
                                              bool mirror, ThreadPool& pool) {
  if (pictures.size() == 0 || max_pictures < 1) {
    return InvalidData(pictures.dataset().folder + ": no calibration picture",
                       "give a folder with pictures, or compress without data");
  }
  CalibrationInput input;
  input.num_originals = std::min(pictures.size(), max_pictures);
  input.num_pictures =
      mirror ? std::min(2 * input.num_originals, max_pictures) : input.num_originals;
  const int64_t height = preprocessing.height_px;
  const int64_t width = preprocessing.width_px;
  const int64_t elements = height * width * 3;
  auto values = std::make_shared<AlignedVector<float>>(input.num_pictures * elements);
  const NormalizeParams params = NormalizeParams::From(preprocessing);
  std::mutex mutex;
  std::optional<Error> error;
  std::atomic<bool> failed{false};
  pool.ParallelFor(input.num_originals, [&](int64_t n, int) {
    if (failed) return;
    // Datasets lie sorted by category: take pictures evenly from all of it.
    const int64_t source = n * pictures.size() / input.num_originals;
    std::vector<uint8_t> pixels(elements);
    if (auto read = pictures.Read(source, pixels); !read.ok()) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::move(read).error();
      failed = true;
      return;
    }
    const ValueExtents extents{height, width, 3};
    float* to = values->data() + n * elements;
    NormalizeU8ToF32(params, pixels.data(), DenseView(to, DenseExtents(extents)));
    const int64_t mirrored = input.num_originals + n;
    if (mirrored >= input.num_pictures) return;
    float* mirror_to = values->data() + mirrored * elements;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        std::copy_n(to + (y * width + x) * 3, 3, mirror_to + (y * width + width - 1 - x) * 3);
      }
    }
  });
  if (error) return *std::move(error);
  input.pictures = std::move(values);
  return input;
}

}  // namespace deixis
