// deixis-train finetune as others start it: killed, interrupted, out of memory, in two processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/child_process.h"
#include "base/file.h"
#include "base/rng.h"
#include "network/model.h"
#include "network/testing/synthetic.h"
#include "train/main/testing/trainer_run.h"
#include "vision/image.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

using ::deixis::testing::Finished;
using ::deixis::testing::Start;

namespace fs = std::filesystem;

// A folder with a backbone and forty pictures of two categories, the bright ones being "b".
class Finetune : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "finetune_" + std::to_string(::getpid()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    Architecture architecture = *FindArchitecture("resnet20-cifar");
    Result<Model> backbone = ModelFromTensors(testing::SyntheticFile(architecture, 3, 7));
    ASSERT_TRUE(backbone.ok());
    backbone->preprocessing.height_px = backbone->preprocessing.width_px = 16;
    Rng rng(5);
    for (int i = 0; i < 40; ++i) {
      const std::string category = folder_ + (i % 2 == 0 ? "/data/a" : "/data/b");
      fs::create_directories(category);
      Image image{.height_px = 16, .width_px = 16, .pixels = {}};
      for (int p = 0; p < 3 * 16 * 16; ++p) {
        image.pixels.push_back(static_cast<uint8_t>(40 + 110 * (i % 2) + rng.Below(90)));
      }
      ASSERT_TRUE(WritePng(category + "/" + std::to_string(i) + ".png", image).ok());
    }
    ASSERT_TRUE(SaveModel(folder_ + "/backbone.safetensors", *backbone).ok());
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> Arguments(const std::string& out,
                                     std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"finetune",
                                          "--data",
                                          folder_ + "/data",
                                          "--backbone",
                                          folder_ + "/backbone.safetensors",
                                          "--out",
                                          folder_ + "/" + out};
    for (const auto& [flag, value] : {std::pair{"--batch", "8"}, {"--epochs", "4"}}) {
      if (std::ranges::find(more, flag) == more.end()) {
        arguments.insert(arguments.end(), {flag, value});
      }
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::vector<nlohmann::json> LinesOf(const std::string& text) {
    std::vector<nlohmann::json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      nlohmann::json parsed = nlohmann::json::parse(line);
      // How many of these there are depends on the clock.
      if (parsed.at("event") != "progress") lines.push_back(std::move(parsed));
    }
    return lines;
  }
  std::string Bytes(const std::string& name) const {
    return ReadTextFile(folder_ + "/" + name).value();
  }

  std::string folder_;
};

// Starts the program and ends it by `signal` once it has said that epoch `epoch` has ended.
int StartAndSignal(std::vector<std::string> arguments, int epoch, int signal) {
  arguments.insert(arguments.begin(), DEIXIS_TRAIN_PROGRAM);
  auto child = ChildProcess::Start(arguments);
  EXPECT_TRUE(child.ok());
  const std::string wanted = "\"event\":\"epoch\",\"epoch\":" + std::to_string(epoch) + ",";
  std::vector<std::byte> bytes;
  while (true) {
    const auto reading = child->Read(bytes, 120'000);
    if (!reading.ok() || *reading != ChildProcess::Reading::kSome) break;
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.find(wanted) != std::string::npos) break;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(15));  // in the middle of the next
  child->Signal(signal);
  return child->Wait(120'000).value_or(-1);
}

TEST_F(Finetune, KilledInTheMiddleOfAnEpochItGoesOnToTheSameModel) {
  const Finished whole = Start(Arguments("whole.safetensors"));
  ASSERT_EQ(whole.exit_status, 0) << whole.err;
  EXPECT_EQ(StartAndSignal(Arguments("killed.safetensors"), 2, SIGKILL), 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(folder_ + "/killed.safetensors.checkpoint"));
  const Finished rest = Start(Arguments("killed.safetensors", {"--resume"}));
  ASSERT_EQ(rest.exit_status, 0) << rest.err;
  EXPECT_EQ(LinesOf(rest.out).front().at("event"), "resumed");
  EXPECT_EQ(Bytes("killed.safetensors"), Bytes("whole.safetensors"));
  EXPECT_EQ(LinesOf(rest.out).back().at("held_out"), LinesOf(whole.out).back().at("held_out"));
  EXPECT_FALSE(fs::exists(folder_ + "/killed.safetensors.checkpoint"));
}

TEST_F(Finetune, InterruptedItKeepsTheLastGoodModel) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string out = "stopped" + std::to_string(signal) + ".safetensors";
    EXPECT_EQ(StartAndSignal(Arguments(out, {"--epochs", "400"}), 1, signal), 130);
    EXPECT_TRUE(LoadModel(folder_ + "/" + out).ok());
  }
}

TEST_F(Finetune, TakesAJobFileAndFlagsAboveIt) {
  const std::string job = folder_ + "/job.json";
  ASSERT_TRUE(WriteFileAtomically(job, R"({"epochs": 9, "batch": 8, "flip": false, "data": ")" +
                                           folder_ + R"(/data", "backbone": ")" + folder_ +
                                           R"(/backbone.safetensors", "out": ")" + folder_ +
                                           R"(/job.safetensors"})")
                  .ok());
  const Finished run = Start({"finetune", "--job", job, "--epochs", "1"});
  ASSERT_EQ(run.exit_status, 0) << run.err;
  const auto lines = LinesOf(run.out);
  EXPECT_EQ(lines.front().at("event"), "start");
  EXPECT_EQ(lines.front().at("epochs"), 1);
  EXPECT_EQ(lines.front().at("batch"), 8);
  EXPECT_EQ(lines.front().at("categories"), (nlohmann::json{"a", "b"}));
  EXPECT_EQ(lines.back().at("event"), "done");
  const auto model = LoadModel(folder_ + "/job.safetensors");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->architecture.num_outputs, 2);
}

TEST_F(Finetune, RefusesWrongUse) {
  EXPECT_EQ(Start({"finetune"}).exit_status, 2);
  const Finished task = Start(Arguments("x.safetensors", {"--task", "paint"}));
  EXPECT_EQ(task.exit_status, 2);
  EXPECT_THAT(task.err, HasSubstr("classify, locate"));
  const Finished itself = Start(Arguments("backbone.safetensors"));
  EXPECT_EQ(itself.exit_status, 2);
  EXPECT_THAT(itself.err, HasSubstr("is the backbone"));
  const Finished where = Start(Arguments("x.safetensors", {"--held-out-where", "scene=garden"}));
  EXPECT_EQ(where.exit_status, 2);
  EXPECT_THAT(where.err, HasSubstr("scene"));
  const Finished marks = Start(Arguments("x.safetensors", {"--task", "locate"}));
  EXPECT_EQ(marks.exit_status, 4);
  EXPECT_FALSE(fs::exists(folder_ + "/x.safetensors"));
}

TEST_F(Finetune, SaysThatMemoryIsOut) {
  std::vector<std::string> arguments = {"/bin/sh", "-c", "ulimit -v 4000000; exec \"$0\" \"$@\"",
                                        DEIXIS_TRAIN_PROGRAM};
  for (const std::string& argument :
       Arguments("big.safetensors", {"--input-px", "512", "--batch", "32"})) {
    arguments.push_back(argument);
  }
  const auto child = RunChild(arguments, "", {.timeout_ms = 120'000});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->exit_status, 9) << child->stderr_text;
  EXPECT_THAT(child->stderr_text, HasSubstr("memory"));
  EXPECT_THAT(child->stderr_text, HasSubstr("--batch"));
}

// Two processes find what one finds, but for the order of sums.
TEST_F(Finetune, TwoProcessesTrainAsOne) {
  const std::vector<std::string> more = {"--epochs", "2", "--learning-rate", "0.0003"};
  const Finished alone = Start(Arguments("one.safetensors", more));
  ASSERT_EQ(alone.exit_status, 0) << alone.err;
  const std::string port = std::to_string(20000 + ::getpid() % 20000);
  std::vector<std::byte> said[2];
  std::vector<ChildProcess> children;
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<std::string> arguments = {
        "/usr/bin/env",          "WORLD_SIZE=2",        "RANK=" + std::to_string(rank),
        "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port, DEIXIS_TRAIN_PROGRAM};
    for (const std::string& argument : Arguments("two.safetensors", more)) {
      arguments.push_back(argument);
    }
    auto child = ChildProcess::Start(arguments);
    ASSERT_TRUE(child.ok());
    children.push_back(std::move(*child));
  }
  for (int rank = 0; rank < 2; ++rank) {
    while (true) {
      const auto reading = children[rank].Read(said[rank], 120'000);
      if (!reading.ok() || *reading != ChildProcess::Reading::kSome) break;
    }
    EXPECT_EQ(children[rank].Wait(120'000).value_or(-1), 0) << children[rank].stderr_text();
  }
  EXPECT_TRUE(said[1].empty());  // the first speaks for all
  const auto one = LinesOf(alone.out);
  const auto two =
      LinesOf(std::string(reinterpret_cast<const char*>(said[0].data()), said[0].size()));
  ASSERT_EQ(one.size(), two.size());
  EXPECT_EQ(two.front().at("processes"), 2);
  const double loss = one.back().at("held_out").at("loss");
  EXPECT_NEAR(two.back().at("held_out").at("loss").get<double>(), loss, 2e-3 * (1 + loss));
  const auto first = LoadModel(folder_ + "/one.safetensors");
  const auto second = LoadModel(folder_ + "/two.safetensors");
  ASSERT_TRUE(first.ok() && second.ok());
  const std::vector<float> a = DenseWeights(first->layers.at("layer3.2.conv2"));
  const std::vector<float> b = DenseWeights(second->layers.at("layer3.2.conv2"));
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += a[i] * a[i];
  }
  EXPECT_LT(difference, 1e-4 * size);
}

}  // namespace
}  // namespace deixis
