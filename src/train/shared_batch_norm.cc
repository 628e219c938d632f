#include "train/shared_batch_norm.h"

namespace deixis {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const std::vector<int64_t> kAllButChannels = {0, 2, 3};

torch::Tensor PerChannel(const torch::Tensor& values) { return values.view({1, -1, 1, 1}); }

class Normalise : public torch::autograd::Function<Normalise> {
 public:
  // The answer is {x normalised, mean, variance, count}; sums in double, so that it hardly matters
  // how the pictures are divided.
  static variable_list forward(AutogradContext* context, const torch::Tensor& input,
                               const torch::Tensor& epsilon, int64_t processes_address) {
    const auto* processes = reinterpret_cast<const Processes*>(processes_address);
    const int64_t channels = input.size(1);
    const torch::Tensor wide = input.to(torch::kFloat64);
    torch::Tensor sums = torch::empty({2 * channels + 1}, wide.options());
    sums.slice(0, 0, channels).copy_(wide.sum(kAllButChannels));
    sums.slice(0, channels, 2 * channels).copy_((wide * wide).sum(kAllButChannels));
    sums[2 * channels] = static_cast<double>(input.numel() / channels);
    processes->Sum(sums);
    const torch::Tensor count = sums[2 * channels];
    const torch::Tensor mean = sums.slice(0, 0, channels) / count;
    const torch::Tensor variance =
        (sums.slice(0, channels, 2 * channels) / count - mean * mean).clamp_min(0);
    const torch::Tensor inverse = (variance + epsilon).rsqrt().to(torch::kFloat32);
    torch::Tensor normalised = (input - PerChannel(mean.to(torch::kFloat32))) * PerChannel(inverse);
    context->save_for_backward({normalised, inverse, count});
    context->saved_data["processes"] = processes_address;
    context->mark_non_differentiable({mean, variance, count});
    return {normalised, mean, variance, count};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto* processes =
        reinterpret_cast<const Processes*>(context->saved_data["processes"].toInt());
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& normalised = saved[0];
    const torch::Tensor& gradient = gradients[0];
    const int64_t channels = normalised.size(1);
    torch::Tensor sums = torch::empty({2 * channels}, gradient.options().dtype(torch::kFloat64));
    sums.slice(0, 0, channels).copy_(gradient.to(torch::kFloat64).sum(kAllButChannels));
    sums.slice(0, channels).copy_((gradient.to(torch::kFloat64) * normalised).sum(kAllButChannels));
    processes->Sum(sums);
    const torch::Tensor means = (sums / saved[2]).to(torch::kFloat32);
    const torch::Tensor input_gradient =
        PerChannel(saved[1]) * (gradient - PerChannel(means.slice(0, 0, channels)) -
                                normalised * PerChannel(means.slice(0, channels)));
    return {input_gradient, torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor SharedBatchNorm(const torch::Tensor& input, const torch::Tensor& weight,
                              const torch::Tensor& bias, torch::Tensor running_mean,
                              torch::Tensor running_var, double momentum, double epsilon,
                              const Processes& processes) {
  const variable_list parts =
      Normalise::apply(input, torch::tensor(epsilon, input.options().dtype(torch::kFloat64)),
                       static_cast<int64_t>(reinterpret_cast<intptr_t>(&processes)));
  {
    const torch::NoGradGuard no_gradient;
    const torch::Tensor unbiased = parts[2] * parts[3] / (parts[3] - 1).clamp_min(1);
    running_mean.mul_(1 - momentum).add_(parts[1].to(torch::kFloat32), momentum);
    running_var.mul_(1 - momentum).add_(unbiased.to(torch::kFloat32), momentum);
  }
  return parts[0] * PerChannel(weight) + PerChannel(bias);
}

}  // namespace deixis
