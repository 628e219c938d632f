// A compressed network that learns: what it answers, what moves in it and what stays.
#include "train/centroid_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "network/testing/interpreter.h"
#include "train/centroid_trainer.h"
#include "train/testing/compressed_network.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

using testing::CompressedNetwork;
using testing::kCentroids;

Model Dense(uint64_t seed, int pooled_stages = 1) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.pooled_stages = pooled_stages;
  architecture.num_outputs = 2;
  Model model = TorchNetwork(architecture, seed).ToModel();
  model.preprocessing = {.height_px = 16, .width_px = 16, .resize = ResizePolicy::kStretch};
  return model;
}

torch::Tensor Input(std::vector<float>& values) {
  Rng rng(3);
  values.resize(16 * 16 * 3);
  for (float& value : values) value = static_cast<float>(rng.Normal());
  return torch::from_blob(values.data(), {1, 16, 16, 3}).permute({0, 3, 1, 2});
}

TEST(CentroidNetwork, AnswersAsTheCompressedNetwork) {
  for (const int pooled_stages : {1, 3}) {
    const Model model = CompressedNetwork(Dense(1, pooled_stages));
    std::vector<float> values;
    const torch::Tensor answers = CentroidNetwork(model).Forward(Input(values));
    const testing::Interpreter interpreter(model, /*tracks_errors=*/true);
    const testing::Activation expected = interpreter.Run(values, 16, 16).back();
    const std::vector<double> bound = testing::Interpreter::BoundOf(expected);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(answers[0][static_cast<int64_t>(i)].item<double>(), expected.value[i],
                  bound[i] + 1e-6);
    }
  }
}

// The gradient of a centroid is the sum over the weights that share it: moving it by a little moves
// the answer by that much.
TEST(CentroidNetwork, ACentroidsGradientIsThatOfItsWeightsTogether) {
  Model model = CompressedNetwork(Dense(2));
  for (auto& [name, layer] : model.layers) {  // so that nothing is rounded
    if (auto* tensor = std::get_if<PalettizedTensor>(&layer.weight)) {
      std::vector<float> codebook = tensor->codebook.ToFloats();
      tensor->codebook = Tensor::FromVector<float>(tensor->codebook.shape(), std::move(codebook));
    }
  }
  CentroidNetwork network(model);
  std::vector<float> values;
  const torch::Tensor input = Input(values);
  network.Forward(input).sum().backward();
  torch::Tensor codebook = network.Parameters()[0];  // of layer2.0.conv1
  const double gradient = codebook.grad()[1][2].item<double>();
  const torch::NoGradGuard no_gradient;
  const auto moved = [&](double by) {
    codebook[1][2] += by;
    const double answer = network.Forward(input).sum().item<double>();
    codebook[1][2] -= by;
    return answer;
  };
  const double slope = (moved(0.5) - moved(-0.5)) / 1.0;
  EXPECT_NEAR(slope, gradient, 0.05 * std::abs(gradient) + 1e-5);
  EXPECT_NE(gradient, 0);
}

TEST(CentroidNetwork, KeepsOrderRangeAndZeros) {
  const Model model = CompressedNetwork(Dense(3));
  CentroidNetwork network(model);
  torch::manual_seed(1);
  {
    const torch::NoGradGuard no_gradient;
    for (torch::Tensor parameter : network.Parameters()) {
      parameter.add_(torch::randn_like(parameter) * 0.5);
    }
  }
  network.Constrain();
  const Model changed = network.ToModel();
  for (const auto& [name, layer] : changed.layers) {
    const auto* tensor = std::get_if<PalettizedTensor>(&layer.weight);
    const LayerParameters& original = model.layers.at(name);
    if (tensor == nullptr) {
      EXPECT_TRUE(BitIdentical(std::get<Tensor>(layer.weight), std::get<Tensor>(original.weight)));
      continue;
    }
    const auto& before = std::get<PalettizedTensor>(original.weight);
    EXPECT_TRUE(BitIdentical(tensor->indices, before.indices)) << name;
    EXPECT_FALSE(BitIdentical(tensor->codebook, before.codebook)) << name;
    ASSERT_TRUE(Validate(*tensor, name).ok());
    const std::span<const int8_t> codebook = tensor->codebook.As<int8_t>();
    for (size_t i = 0; i < codebook.size(); ++i) {
      if (i % kCentroids != 0) {
        EXPECT_GE(codebook[i], codebook[i - 1]) << name << " " << i;
      }
      EXPECT_GE(codebook[i], -127);
    }
    EXPECT_EQ(codebook[3], 0) << name;
  }
}

TEST(RoundedValues, AreThoseAfterTheReluThatFollows) {
  Model model = Dense(1);
  model.activations["layer1.0.conv1"] = {.scale = 0.1f, .zero_point = 0};
  model.activations["layer1.0.conv2"] = {.scale = 0.2f, .zero_point = 0};
  const auto rounded = RoundedValues(model);
  ASSERT_EQ(rounded.size(), 2u);
  std::vector<std::string> names;
  for (const auto& [value, quantization] : rounded) {
    names.push_back(model.graph.nodes[static_cast<size_t>(value) - 1].name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("layer1.0.relu1", "layer1.0.relu2"));
}

SamplePictures Noise(int64_t count, uint64_t seed) {
  Rng rng(seed);
  SamplePictures pictures;
  pictures.preprocessing = Dense(1).preprocessing;
  for (int64_t i = 0; i < count * pictures.picture_bytes(); ++i) {
    pictures.pixels.push_back(static_cast<uint8_t>(rng.Below(256)));
  }
  for (int64_t i = 0; i < count; ++i) {
    pictures.targets.push_back({.label = static_cast<int>(i % 2), .places = {}, .size = {16, 16}});
    pictures.paths.push_back("");
  }
  return pictures;
}

TEST(TrainCentroids, ComesNearerToTheOriginalAndNeverEndsWorse) {
  const Model teacher = Dense(4);
  FineTuneInput input;
  input.backbone = CompressedNetwork(teacher);
  input.training = Noise(32, 1);
  input.held_out = Noise(16, 2);
  input.num_categories = 2;
  FineTuneJob job;
  job.out = ::testing::TempDir() + "centroids_" + std::to_string(::getpid()) + ".safetensors";
  job.epochs = 8;
  job.batch = 8;
  job.learning_rate = 5e-3;
  job.augment = AugmentOptions::None();
  std::vector<nlohmann::ordered_json> lines;
  const Status status =
      TrainCentroids(job, input, teacher,
                     {.report = [&](const nlohmann::ordered_json& line) { lines.push_back(line); },
                      .is_cancelled = {}});
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(lines[1].at("epoch"), 0);
  EXPECT_LT(lines[9].at("loss").get<double>(), 0.8 * lines[2].at("loss").get<double>());
  const auto& done = lines.back();
  EXPECT_GE(done.at("held_out").at("top1"), done.at("before").at("top1"));
  const auto model = LoadModel(job.out);
  ASSERT_TRUE(model.ok()) << model.error().message;
  std::filesystem::remove(job.out);

  // What does not fit together is refused.
  input.backbone = teacher;
  EXPECT_EQ(TrainCentroids(job, input, teacher, {.report = [](const auto&) {}, .is_cancelled = {}})
                .error()
                .code,
            ErrorCode::kInvalidData);
  input.num_categories = 3;
  EXPECT_FALSE(
      TrainCentroids(job, input, teacher, {.report = [](const auto&) {}, .is_cancelled = {}}).ok());
}

}  // namespace
}  // namespace deixis
