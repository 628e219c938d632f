// Checkpoints: a training that goes on from one ends with the very weights of one that was never
// stopped, and what is no such checkpoint is refused by name.
#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "format/safetensors.h"
#include "train/testing/resnet20.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using testing::Resnet20;
using MakeOptimizer =
    std::function<std::unique_ptr<torch::optim::Optimizer>(const TorchNetwork& network)>;

std::unique_ptr<torch::optim::Optimizer> Sgd(const TorchNetwork& network) {
  return std::make_unique<torch::optim::SGD>(network.parameters(),
                                             torch::optim::SGDOptions(0.05).momentum(0.9));
}
std::unique_ptr<torch::optim::Optimizer> AdamW(const TorchNetwork& network) {
  return std::make_unique<torch::optim::AdamW>(network.parameters(),
                                               torch::optim::AdamWOptions(1e-2).weight_decay(0.1));
}

class Checkpoint : public ::testing::Test {
 protected:
  std::string path_ =
      ::testing::TempDir() + "checkpoint_" + std::to_string(::getpid()) + ".safetensors";
  ~Checkpoint() override { std::filesystem::remove(path_); }
};

void Step(TorchNetwork& network, torch::optim::Optimizer& optimizer, int step) {
  network.train();
  const torch::Tensor input =
      torch::linspace(-1, 1 + step, 4 * 3 * 8 * 8).reshape({4, 3, 8, 8}).sin();
  optimizer.zero_grad();
  const torch::Tensor loss = torch::nn::functional::cross_entropy(
      network.Forward(input), torch::tensor({0, 1, 0, 1}, torch::kLong));
  loss.backward();
  optimizer.step();
}

bool SameWeights(const TorchNetwork& a, const TorchNetwork& b) {
  for (const auto& [name, tensor] : a.tensors()) {
    if (!torch::equal(tensor, b.tensors().at(name))) return false;
  }
  return true;
}

TEST_F(Checkpoint, GoesOnAsIfNeverStopped) {
  at::set_num_threads(1);
  for (const MakeOptimizer& make : {MakeOptimizer(Sgd), MakeOptimizer(AdamW)}) {
    TorchNetwork whole(Resnet20(), 1);
    const auto whole_optimizer = make(whole);
    for (int step = 0; step < 2; ++step) Step(whole, *whole_optimizer, step);
    ASSERT_TRUE(SaveCheckpoint(
                    path_, whole, *whole_optimizer,
                    {{"step", CheckpointNumber(uint64_t{2})}, {"seconds", CheckpointNumber(0.1)}})
                    .ok());

    TorchNetwork resumed(Resnet20(), 77);
    const auto resumed_optimizer = make(resumed);
    EXPECT_FALSE(SameWeights(whole, resumed));
    const auto values = LoadCheckpoint(path_, resumed, *resumed_optimizer);
    ASSERT_TRUE(values.ok()) << values.error().message;
    EXPECT_EQ(values->size(), 2u);
    EXPECT_EQ(CheckpointInteger(*values, "step").value(), 2u);
    EXPECT_EQ(CheckpointReal(*values, "seconds").value(), 0.1);
    EXPECT_TRUE(SameWeights(whole, resumed));
    for (int step = 2; step < 4; ++step) {
      Step(whole, *whole_optimizer, step);
      Step(resumed, *resumed_optimizer, step);
    }
    EXPECT_TRUE(SameWeights(whole, resumed));
  }
}

TEST_F(Checkpoint, TheOptimizerMatters) {
  // What the test above shows is worth something: without its memory a step ends elsewhere.
  TorchNetwork whole(Resnet20(), 1);
  const auto optimizer = AdamW(whole);
  Step(whole, *optimizer, 0);
  TorchNetwork other(Resnet20(), 2);
  const auto forgetful = AdamW(other);
  ASSERT_TRUE(SaveCheckpoint(path_, whole, *optimizer, {}).ok());
  const auto discarded = AdamW(other);
  ASSERT_TRUE(LoadCheckpoint(path_, other, *discarded).ok());
  Step(whole, *optimizer, 1);
  Step(other, *forgetful, 1);
  EXPECT_FALSE(SameWeights(whole, other));
}

TEST_F(Checkpoint, RefusesWhatIsNone) {
  TorchNetwork network(Resnet20(), 1);
  const auto optimizer = Sgd(network);
  EXPECT_EQ(LoadCheckpoint(path_, network, *optimizer).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(WriteSafetensors(path_, TensorFile{}).ok());
  EXPECT_THAT(LoadCheckpoint(path_, network, *optimizer).error().message, HasSubstr("checkpoint"));

  TorchNetwork larger(Resnet20(3), 1);
  ASSERT_TRUE(SaveCheckpoint(path_, larger, *Sgd(larger), {}).ok());
  const auto wrong = LoadCheckpoint(path_, network, *optimizer);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(wrong.error().message, HasSubstr("linear"));

  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_EQ(LoadCheckpoint(path_, larger, *Sgd(larger)).error().code, ErrorCode::kInvalidData);
}

TEST_F(Checkpoint, SaysWhichValueIsMissing) {
  const CheckpointValues values = {{"step", "12x"}, {"rate", ""}};
  EXPECT_THAT(CheckpointInteger(values, "epoch").error().message, HasSubstr("epoch"));
  EXPECT_FALSE(CheckpointInteger(values, "step").ok());
  EXPECT_FALSE(CheckpointReal(values, "step").ok());
  EXPECT_FALSE(CheckpointReal(values, "rate").ok());
}

}  // namespace
}  // namespace deixis
