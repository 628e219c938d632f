// Training: the network that LibTorch trains is the one that the rest of Deixis runs, the same seed
// gives the same model, and it learns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "network/testing/interpreter.h"
#include "train/testing/resnet20.h"
#include "train/torch_network.h"
#include "train/trainer.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using testing::Resnet20;

constexpr Preprocessing kTiny{.height_px = 8,
                              .width_px = 8,
                              .resize = ResizePolicy::kStretch,
                              .shorter_side_px = 8,
                              .mean = {0.5f, 0.5f, 0.5f},
                              .stddev = {0.25f, 0.25f, 0.25f}};

// Pictures of one brightness each, the bright ones with label 1: any network can tell them apart.
PictureBatch DarkAndBright(int64_t count, uint64_t seed) {
  Rng rng(seed);
  PictureBatch batch;
  batch.height_px = kTiny.height_px;
  batch.width_px = kTiny.width_px;
  for (int64_t i = 0; i < count; ++i) {
    const int label = static_cast<int>(i % 2);
    batch.labels.push_back(label);
    const auto brightness =
        static_cast<uint8_t>(60 + 110 * label + static_cast<int>(rng.Below(40)));
    batch.pixels.insert(batch.pixels.end(), static_cast<size_t>(batch.picture_bytes()), brightness);
  }
  return batch;
}

Result<Model> TrainOnBrightness(const TrainOptions& options, const EpochCallback& on_epoch = {}) {
  return TrainClassifier(Resnet20(), {"dark", "bright"}, kTiny, DarkAndBright(48, 1),
                         DarkAndBright(20, 2), options, on_epoch);
}

constexpr TrainOptions kQuick{.epochs = 3, .batch_size = 16};

// A network whose batch norms are no identities.
Model Disturbed(uint64_t seed) {
  TorchNetwork network(Resnet20(), seed);
  const torch::NoGradGuard no_gradient;
  torch::manual_seed(seed);
  for (torch::Tensor& tensor : network.buffers()) tensor.add_(torch::rand_like(tensor) * 0.5);
  for (torch::Tensor& tensor : network.parameters()) tensor.add_(torch::randn_like(tensor) * 0.02);
  return network.ToModel();
}

TEST(TorchNetwork, ComputesWhatTheGraphSays) {
  const Model model = Disturbed(5);
  TorchNetwork network(Resnet20(), 1);
  network.Load(model);
  network.eval();
  Rng rng(3);
  std::vector<float> input(8 * 12 * 3);
  for (float& value : input) value = static_cast<float>(rng.Normal());
  const torch::Tensor batch = torch::from_blob(input.data(), {1, 8, 12, 3}).permute({0, 3, 1, 2});
  const torch::Tensor logits = network.Forward(batch);
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{1, 2}));

  const testing::Interpreter interpreter(model, /*tracks_errors=*/true);
  const testing::Activation expected = interpreter.Run(input, 8, 12).back();
  const std::vector<double> bound = testing::Interpreter::BoundOf(expected);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(logits[0][static_cast<int64_t>(i)].item<double>(), expected.value[i], bound[i]);
    EXPECT_LT(bound[i], 0.01 * std::abs(expected.value[i]) + 0.01);  // the bound says something
  }
}

TEST(TorchNetwork, LoadsWhatItGave) {
  const Model model = Disturbed(6);
  TorchNetwork network(Resnet20(), 2);
  network.Load(model);
  const Model again = network.ToModel();
  ASSERT_EQ(again.layers.size(), model.layers.size());
  for (const auto& [name, layer] : model.layers) {
    EXPECT_TRUE(BitIdentical(std::get<Tensor>(layer.weight),
                             std::get<Tensor>(again.layers.at(name).weight)))
        << name;
  }
  for (const auto& [name, norm] : model.batch_norms) {
    EXPECT_TRUE(BitIdentical(norm.running_var, again.batch_norms.at(name).running_var)) << name;
    EXPECT_TRUE(BitIdentical(norm.bias, again.batch_norms.at(name).bias)) << name;
  }
}

TEST(TrainClassifier, Learns) {
  std::vector<EpochReport> reports;
  TrainOptions options = kQuick;
  options.epochs = 6;
  const auto model = TrainOnBrightness(options, [&](const EpochReport& report) {
    reports.push_back(report);
    return true;
  });
  ASSERT_TRUE(model.ok()) << model.error().message;
  ASSERT_EQ(reports.size(), 6u);
  EXPECT_EQ(reports.back().epoch, 6);
  EXPECT_LT(reports.back().mean_loss, 0.5 * reports.front().mean_loss);
  EXPECT_EQ(reports.back().top1, 1.0);
  EXPECT_EQ(model->class_names, (std::vector<std::string>{"dark", "bright"}));
  EXPECT_EQ(model->preprocessing, kTiny);
  EXPECT_EQ(model->architecture.num_outputs, 2);
}

TEST(TrainClassifier, GivesTheSameModelForTheSameSeed) {
  const auto head = [](uint64_t seed) {
    TrainOptions options = kQuick;
    options.seed = seed;
    const auto model = TrainOnBrightness(options);
    EXPECT_TRUE(model.ok());
    return model->layers.at("linear");
  };
  const LayerParameters first = head(1);
  EXPECT_TRUE(BitIdentical(std::get<Tensor>(first.weight), std::get<Tensor>(head(1).weight)));
  EXPECT_FALSE(BitIdentical(std::get<Tensor>(first.weight), std::get<Tensor>(head(2).weight)));
}

TEST(TrainClassifier, StopsWhenAsked) {
  int epochs = 0;
  const auto model = TrainOnBrightness(kQuick, [&](const EpochReport&) { return ++epochs < 2; });
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kInterrupted);
  EXPECT_EQ(epochs, 2);
}

TEST(TrainClassifier, SaysThatItDiverged) {
  TrainOptions options = kQuick;
  options.learning_rate = 1e12;
  options.momentum = 0.99;
  const auto model = TrainOnBrightness(options);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(model.error().remedy, HasSubstr("learning rate"));
}

TEST(TrainClassifier, RefusesWhatDoesNotFit) {
  const auto code = [](const Result<Model>& model) {
    return model.ok() ? ErrorCode::kInternal : model.error().code;
  };
  EXPECT_EQ(code(TrainOnBrightness({.epochs = 0})), ErrorCode::kUsage);
  EXPECT_EQ(code(TrainOnBrightness({.learning_rate = -1})), ErrorCode::kUsage);
  EXPECT_EQ(code(TrainOnBrightness({.batch_size = 64})), ErrorCode::kInvalidData);  // 48 pictures
  const PictureBatch pictures = DarkAndBright(32, 1);
  EXPECT_EQ(code(TrainClassifier(Resnet20(), {"one"}, kTiny, pictures, pictures, kQuick)),
            ErrorCode::kInvalidData);
  Preprocessing larger = kTiny;
  larger.width_px = 9;
  EXPECT_EQ(code(TrainClassifier(Resnet20(), {"a", "b"}, larger, pictures, pictures, kQuick)),
            ErrorCode::kInvalidData);
}

TEST(MakeScenePictures, DoesNotDependOnThreads) {
  ThreadPool one(1);
  ThreadPool three(3);
  const size_t num_kinds = SceneClassNames().size();
  const auto count = static_cast<int64_t>(num_kinds) + 2;
  const PictureBatch first = MakeScenePictures(5, count, {}, kTiny, one);
  const PictureBatch second = MakeScenePictures(5, count, {}, kTiny, three);
  EXPECT_EQ(first.pixels, second.pixels);
  EXPECT_EQ(first.labels, second.labels);
  EXPECT_EQ(first.labels[num_kinds], 0);
  EXPECT_EQ(first.labels[num_kinds + 1], 1);
  EXPECT_EQ(first.size(), count);
}

}  // namespace
}  // namespace deixis
