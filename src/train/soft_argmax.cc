#include "train/soft_argmax.h"

#include <vector>

namespace deixis {
namespace {

// The middles of so many pixels in a row, in -1..1.
torch::Tensor Middles(int64_t extent, const torch::TensorOptions& options) {
  return (2 * torch::arange(extent, options) + 1) / static_cast<double>(extent) - 1;
}

}  // namespace

torch::Tensor SoftArgmax(const Node& node, const torch::Tensor& map) {
  const int64_t num_answers = node.out_channels;
  const int64_t num_categories = node.in_channels - num_answers;
  const int64_t height = map.size(2);
  const int64_t width = map.size(3);
  const torch::Tensor pixels = map.flatten(2);  // [N, C, P]
  const torch::Tensor attention = torch::softmax(pixels.slice(1, num_answers), 2);
  torch::Tensor weights = attention.repeat_interleave(2, 1);  // x and y of each category
  std::vector<torch::Tensor> places;
  for (int64_t k = 0; k < num_categories; ++k) {
    const torch::Tensor x = Middles(width, map.options()).view({1, width});
    const torch::Tensor y = Middles(height, map.options()).view({height, 1});
    places.push_back(x.expand({height, width}).reshape({1, -1}));
    places.push_back(y.expand({height, width}).reshape({1, -1}));
  }
  if (num_answers > 2 * num_categories) {
    weights = torch::cat({weights, attention}, 1);
    places.push_back(torch::zeros({num_categories, height * width}, map.options()));
  }
  const torch::Tensor values = pixels.slice(1, 0, num_answers) + torch::cat(places);
  return (weights * values).sum(2);
}

}  // namespace deixis
