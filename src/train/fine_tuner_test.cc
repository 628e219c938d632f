// Fine-tuning on pictures that any network can tell apart: it learns, keeps what it should, and
// says what went wrong.
#include "train/fine_tuner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "network/testing/interpreter.h"
#include "train/processes.h"
#include "train/torch_network.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr Preprocessing kSmall{.height_px = 16,
                               .width_px = 16,
                               .resize = ResizePolicy::kStretch,
                               .shorter_side_px = 16,
                               .mean = {0.5f, 0.5f, 0.5f},
                               .stddev = {0.25f, 0.25f, 0.25f}};

Model Backbone() {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.num_outputs = 7;  // of another task
  Model model = TorchNetwork(architecture, 11).ToModel();
  model.preprocessing = kSmall;
  return model;
}

// A bright blot on grey noise: its place is the mark, its colour the category.
SamplePictures Blots(int64_t count, uint64_t seed) {
  Rng rng(seed);
  SamplePictures pictures;
  pictures.preprocessing = kSmall;
  for (int64_t i = 0; i < count; ++i) {
    const int label = static_cast<int>(i % 2);
    const auto x = static_cast<int64_t>(3 + rng.Below(10));
    const auto y = static_cast<int64_t>(3 + rng.Below(10));
    for (int64_t row = 0; row < 16; ++row) {
      for (int64_t column = 0; column < 16; ++column) {
        const bool is_blot = std::abs(row - y) <= 2 && std::abs(column - x) <= 2;
        for (int c = 0; c < 3; ++c) {
          const auto noise = static_cast<uint8_t>(60 + rng.Below(40));
          pictures.pixels.push_back(is_blot && c == 2 * label ? 250 : noise);
        }
      }
    }
    pictures.targets.push_back({.label = label,
                                .places = {{.category = 0,
                                            .is_present = true,
                                            .unit = {(static_cast<double>(x) + 0.5) / 8 - 1,
                                                     (static_cast<double>(y) + 0.5) / 8 - 1}}},
                                .size = {.height_px = 16, .width_px = 16}});
    pictures.paths.push_back(std::to_string(i));
  }
  return pictures;
}

FineTuneInput Input(const FineTuneJob& job) {
  FineTuneInput input;
  input.backbone = Backbone();
  input.backbone_sha256 = "b";
  input.training = Blots(48, 1);
  input.held_out = Blots(16, 2);
  input.class_names = {"red", "blue"};
  input.num_categories = 2;
  if (job.locates()) {
    // One category, whatever the colour.
    input.class_names = {"blot"};
    input.num_categories = 1;
  }
  return input;
}

FineTuneJob Job(const std::string& name) {
  FineTuneJob job;
  job.data = "made";
  job.backbone = "made";
  job.out = ::testing::TempDir() + "fine_tuner_" + std::to_string(::getpid()) + "_" + name +
            ".safetensors";
  job.epochs = 3;
  job.batch = 12;
  job.learning_rate = 3e-3;
  job.augment = AugmentOptions::None();
  std::filesystem::remove(job.out);
  return job;
}

struct Outcome {
  Status status;
  std::vector<Json> lines;

  const Json* Last(const std::string& event) const {
    const Json* last = nullptr;
    for (const Json& line : lines) last = line.at("event") == event ? &line : last;
    return last;
  }
};

Outcome Tune(const FineTuneJob& job, const FineTuneInput& input,
             std::function<bool()> is_cancelled = {}) {
  Outcome outcome;
  const auto alone = Processes::Join({}, std::chrono::seconds(1));
  outcome.status = FineTune(job, input, *alone,
                            {.report = [&](const Json& line) { outcome.lines.push_back(line); },
                             .is_cancelled = std::move(is_cancelled)});
  return outcome;
}

TEST(FineTune, LearnsToName) {
  const FineTuneJob job = Job("names");
  const Outcome outcome = Tune(job, Input(job));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
  const Json* done = outcome.Last("done");
  ASSERT_NE(done, nullptr);
  EXPECT_EQ(done->at("held_out").at("top1"), 1.0);
  EXPECT_EQ(done->at("confusion"), (Json{{8, 0}, {0, 8}}));
  const auto model = LoadModel(job.out);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->class_names, (std::vector<std::string>{"red", "blue"}));
  EXPECT_EQ(model->architecture.num_outputs, 2);
  EXPECT_EQ(model->preprocessing, kSmall);
  EXPECT_FALSE(std::filesystem::exists(job.CheckpointPath()));
}

TEST(FineTune, LearnsToLocate) {
  FineTuneJob job = Job("locates");
  job.task = "locate";
  job.epochs = 14;
  job.augment.flip = true;  // the mark has to come along
  job.augment.shift = 0.1;
  const Outcome outcome = Tune(job, Input(job));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
  const double error_px = outcome.Last("done")->at("held_out").at("mean_error_px");
  EXPECT_LT(error_px, 1.6);  // the mean place is off by 3.8
  const auto model = LoadModel(job.out);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->task, Task::kLocate);
  EXPECT_TRUE(model->architecture.HasSoftArgmaxHead());
  EXPECT_FALSE(model->tells_presence);
}

TEST(FineTune, LearnsToLocateOnEveryPixel) {
  FineTuneJob job = Job("locates_flatten");
  job.task = "locate";
  job.head = "flatten";
  job.epochs = 14;
  const Outcome outcome = Tune(job, Input(job));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
  EXPECT_LT(outcome.Last("done")->at("held_out").at("mean_error_px").get<double>(), 1.6);
  const auto model = LoadModel(job.out);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->architecture.flattened_pixels, 16);  // 4x4
}

// A finer map is worth more to a place than the last stage is.
TEST(ArchitectureFor, APlaceIsSoughtWithoutTheLastStage) {
  Model backbone;
  backbone.architecture = *FindArchitecture("resnet18");
  FineTuneJob job;
  job.task = "locate";
  const auto made = [&] {
    return *ArchitectureFor(job, backbone, backbone.preprocessing, /*num_categories=*/2,
                            /*tells_presence=*/true);
  };
  EXPECT_EQ(made().name, "resnet18-c4");
  EXPECT_EQ(made().num_attended, 2);
  EXPECT_EQ(made().num_outputs, 6);
  job.stages = 5;
  EXPECT_EQ(made().name, "resnet18");
  EXPECT_TRUE(made().HasSoftArgmaxHead());
  job.stages = 0;
  job.head = "flatten";
  EXPECT_EQ(made().name, "resnet18");
  EXPECT_EQ(made().flattened_pixels, 49);
  job.stages = 4;
  EXPECT_EQ(made().flattened_pixels, 14 * 14);
  job.task = "classify";
  job.head = "auto";
  EXPECT_EQ(made().name, "resnet18-c4");
  EXPECT_EQ(made().num_attended, 0);
  // Trained as a whole, a network needs no help of its earlier maps.
  backbone.architecture.pooled_stages = 3;
  EXPECT_EQ(made().pooled_stages, 1);
}

TEST(FineTune, LearnsWhetherItIsThere) {
  FineTuneJob job = Job("presence");
  job.task = "locate";
  job.epochs = 24;
  FineTuneInput input = Input(job);
  for (SamplePictures* pictures : {&input.training, &input.held_out}) {
    for (int64_t i = 0; i < pictures->size(); i += 4) {  // half of the red ones lose their blot
      pictures->targets[static_cast<size_t>(i)].places[0].is_present = false;
      std::fill_n(pictures->pixels.begin() + i * pictures->picture_bytes(),
                  pictures->picture_bytes(), static_cast<uint8_t>(80));
    }
  }
  const Outcome outcome = Tune(job, input);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
  EXPECT_GT(outcome.Last("done")->at("held_out").at("presence_accuracy").get<double>(), 0.9);
  EXPECT_TRUE(LoadModel(job.out)->tells_presence);
}

TEST(FineTune, FrozenStagesStayAsTheyAre) {
  FineTuneJob job = Job("frozen");
  job.epochs = 1;
  job.frozen_stages = 2;
  ASSERT_TRUE(Tune(job, Input(job)).status.ok());
  const Model before = Backbone();
  const auto after = LoadModel(job.out);
  ASSERT_TRUE(after.ok());
  const auto same = [&](const std::string& name) {
    return BitIdentical(std::get<Tensor>(before.layers.at(name).weight),
                        std::get<Tensor>(after->layers.at(name).weight));
  };
  EXPECT_TRUE(same("conv1"));
  EXPECT_TRUE(same("layer1.2.conv2"));
  EXPECT_FALSE(same("layer2.0.conv1"));
  const auto same_norm = [&](const std::string& name) {
    return BitIdentical(before.batch_norms.at(name).running_mean,
                        after->batch_norms.at(name).running_mean);
  };
  EXPECT_TRUE(same_norm("layer1.0.bn1"));
  EXPECT_FALSE(same_norm("layer2.0.bn1"));
}

TEST(FineTune, ADivergedTrainingKeepsTheLastGoodModel) {
  FineTuneJob job = Job("diverges");
  job.optimizer = "sgd";
  job.learning_rate = 1e5;
  job.warm_up = 0;
  FineTuneInput input = Input(job);
  Outcome outcome = Tune(job, input);
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(outcome.status.error().message, HasSubstr("finite"));
  EXPECT_THAT(outcome.status.error().remedy, HasSubstr("--learning-rate"));
  // What an earlier epoch left is named and still there.
  job.learning_rate = 0;
  job.epochs = 40;
  int steps = 0;
  outcome = Tune(job, input, [&] { return ++steps > 6; });
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kInterrupted);
  EXPECT_THAT(outcome.status.error().message, HasSubstr("of epoch 1"));
  EXPECT_TRUE(LoadModel(job.out).ok());
  EXPECT_TRUE(std::filesystem::exists(job.CheckpointPath()));
}

TEST(FineTune, GoesOnAsIfNothingHadHappened) {
  for (const char* optimizer : {"adam", "sgd"}) {
    FineTuneJob job = Job(std::string("resumed_") + optimizer);
    job.optimizer = optimizer;
    job.augment = AugmentOptions{};
    const FineTuneInput input = Input(job);
    ASSERT_TRUE(Tune(job, input).status.ok());
    const auto whole = LoadModel(job.out);
    ASSERT_TRUE(whole.ok());
    std::filesystem::remove(job.out);
    int steps = 0;
    ASSERT_FALSE(Tune(job, input, [&] { return ++steps > 6; }).status.ok());  // in epoch 2
    job.resume = true;
    const Outcome outcome = Tune(job, input);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
    EXPECT_EQ(outcome.Last("resumed")->at("epoch"), 1);
    const auto again = LoadModel(job.out);
    ASSERT_TRUE(again.ok());
    for (const auto& [name, layer] : whole->layers) {
      EXPECT_TRUE(BitIdentical(std::get<Tensor>(layer.weight),
                               std::get<Tensor>(again->layers.at(name).weight)))
          << optimizer << " " << name;
    }
    EXPECT_EQ(whole->provenance, again->provenance);
  }
}

// Killed at any moment, what the two processes told holds every epoch.
TEST(FineTune, ACheckpointHoldsNoEpochThatWasNotTold) {
  FineTuneJob job = Job("told");
  const FineTuneInput input = Input(job);
  FineTuneJob rest = Job("told_rest");
  rest.resume = true;
  const auto alone = Processes::Join({}, std::chrono::seconds(1));
  // The files as they are just before epoch 2 is told.
  const auto report = [&](const Json& line) {
    if (line.at("event") != "epoch" || line.at("epoch") != 2) return;
    std::filesystem::copy_file(job.out, rest.out);
    std::filesystem::copy_file(job.CheckpointPath(), rest.CheckpointPath());
  };
  ASSERT_TRUE(FineTune(job, input, *alone, {.report = report, .is_cancelled = {}}).ok());
  const Outcome outcome = Tune(rest, input);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message;
  std::vector<int> told;
  for (const Json& line : outcome.lines) {
    if (line.at("event") == "epoch") told.push_back(line.at("epoch"));
  }
  EXPECT_EQ(told, (std::vector<int>{2, 3}));
}

TEST(FineTune, DoesNotGoOnWithAnotherTraining) {
  FineTuneJob job = Job("other");
  const FineTuneInput input = Input(job);
  int steps = 0;
  ASSERT_FALSE(Tune(job, input, [&] { return ++steps > 5; }).status.ok());
  job.resume = true;
  job.seed = 9;
  const Outcome outcome = Tune(job, input);
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(outcome.status.error().remedy, HasSubstr("--resume"));
}

TEST(FineTune, StopsEarlyAndKeepsTheBestEpoch) {
  FineTuneJob job = Job("early");
  job.epochs = 30;
  job.patience = 2;
  job.schedule = "constant";
  const Outcome outcome = Tune(job, Input(job));
  ASSERT_TRUE(outcome.status.ok());
  const Json* done = outcome.Last("done");
  EXPECT_EQ(done->at("stopped"), "patience");
  EXPECT_EQ(outcome.Last("epoch")->at("epoch").get<int>(), done->at("best_epoch").get<int>() + 2);
  double best = 1e9;
  for (const Json& line : outcome.lines) {
    if (line.at("event") == "epoch" && line.at("held_out").at("top1") == 1.0) {
      best = std::min(best, line.at("held_out").at("loss").get<double>());
    }
  }
  EXPECT_EQ(done->at("held_out").at("loss").get<double>(), best);
}

TEST(FineTune, SaysThatThereIsNoGpu) {
  if (torch::cuda::is_available()) GTEST_SKIP() << "there is one";
  FineTuneJob job = Job("cuda");
  job.device = "cuda";
  const Outcome outcome = Tune(job, Input(job));
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_THAT(outcome.status.error().message, HasSubstr("--device cuda"));
}

// The order in which a flatten head counts is that of the rest of Deixis.
TEST(TorchNetwork, AFlattenHeadAnswersAsTheGraphSays) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.num_outputs = 3;
  architecture.flattened_pixels = 6;  // a map of 2x3
  TorchNetwork network(architecture, 4);
  network.eval();
  const Model model = network.ToModel();
  Rng rng(3);
  std::vector<float> input(8 * 12 * 3);
  for (float& value : input) value = static_cast<float>(rng.Normal());
  const torch::Tensor batch = torch::from_blob(input.data(), {1, 8, 12, 3}).permute({0, 3, 1, 2});
  const torch::Tensor answers = network.Forward(batch);
  const testing::Interpreter interpreter(model, /*tracks_errors=*/true);
  const testing::Activation expected = interpreter.Run(input, 8, 12).back();
  const std::vector<double> bound = testing::Interpreter::BoundOf(expected);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(answers[0][static_cast<int64_t>(i)].item<double>(), expected.value[i], bound[i]);
    EXPECT_LT(bound[i], 0.01 * std::abs(expected.value[i]) + 0.01);
  }
}

TEST(TorchNetwork, HeadsOnMapsAnswerAsTheGraphSays) {
  Architecture soft_argmax = *FindArchitecture("resnet20-cifar");
  soft_argmax.num_attended = 2;
  soft_argmax.num_outputs = 4;
  Architecture with_presence = soft_argmax;
  with_presence.num_outputs = 6;
  Architecture pooled = *FindArchitecture("resnet20-cifar");
  pooled.pooled_stages = 3;
  pooled.num_outputs = 5;
  for (const Architecture& architecture : {soft_argmax, with_presence, pooled}) {
    TorchNetwork network(architecture, 4);
    network.eval();
    const torch::NoGradGuard no_gradient;
    const Model model = network.ToModel();
    Rng rng(3);
    std::vector<float> input(16 * 12 * 3);  // a map of 4x3
    for (float& value : input) value = static_cast<float>(rng.Normal());
    const torch::Tensor batch =
        torch::from_blob(input.data(), {1, 16, 12, 3}).permute({0, 3, 1, 2});
    const torch::Tensor answers = network.Forward(batch);
    ASSERT_EQ(answers.size(1), architecture.num_outputs);
    const testing::Interpreter interpreter(model, /*tracks_errors=*/false);
    const std::vector<double> expected = interpreter.Run(input, 16, 12).back().value;
    for (int64_t i = 0; i < architecture.num_outputs; ++i) {
      EXPECT_NEAR(answers[0][i].item<double>(), expected[static_cast<size_t>(i)],
                  1e-4 * (1 + std::abs(expected[static_cast<size_t>(i)])));
    }
  }
}

// A compressed model has its batch norms folded away; they come back without changing the answers.
TEST(TorchNetwork, GivesFoldedBatchNormsTheirStatisticsBack) {
  Model model = Backbone();
  std::vector<float> bias(16);
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = 0.3f * static_cast<float>(i) - 2;
  model.layers.at("layer1.0.conv1").bias = Tensor::FromVector<float>({16}, bias);
  model.batch_norms.erase("layer1.0.bn1");
  TorchNetwork network(model.architecture, 1);
  network.Load(model);
  network.eval();
  ASSERT_TRUE(network.lacks_statistics());
  torch::manual_seed(2);
  const torch::Tensor batch = torch::randn({32, 3, 16, 16});
  const torch::NoGradGuard no_gradient;
  const torch::Tensor before = network.Forward(batch);
  int given = 0;
  network.MeasureStatistics([&] { return given++ == 0 ? batch : torch::Tensor(); });
  EXPECT_FALSE(network.lacks_statistics());
  const torch::Tensor after = network.Forward(batch);
  EXPECT_LT((after - before).abs().max().item<double>(),
            1e-4 * (1 + before.abs().max().item<double>()));
  // Statistics are those of the batch: in training it is normalised the same.
  const torch::Tensor variance = network.tensors().at("layer1.0.bn1.running_var");
  EXPECT_GT((variance - 1).abs().max().item<double>(), 1e-3);
}

}  // namespace
}  // namespace deixis
