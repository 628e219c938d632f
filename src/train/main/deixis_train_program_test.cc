// The program as others start it: its exit codes, its lines, its model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "network/model.h"
#include "speech/child_process.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

struct Finished {
  int exit_status = -1;
  std::string out;
  std::string err;
};

Finished Start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), DEIXIS_TRAIN_PROGRAM);
  const auto child = RunChild(arguments, "", {.timeout_ms = 300'000});
  EXPECT_TRUE(child.ok()) << child.error().message;
  Finished run;
  run.exit_status = child->exit_status;
  run.out.assign(reinterpret_cast<const char*>(child->stdout_bytes.data()),
                 child->stdout_bytes.size());
  run.err = child->stderr_text;
  return run;
}

TEST(DeixisTrain, RefusesWrongUse) {
  EXPECT_EQ(Start({}).exit_status, 2);
  EXPECT_EQ(Start({"--no-such-flag"}).exit_status, 2);
  const Finished unknown = Start({"--out", "x.safetensors", "--architecture", "lenet"});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("lenet"));
  EXPECT_EQ(unknown.out, "");
  const Finished epochs = Start({"--out", "x.safetensors", "--epochs", "0"});
  EXPECT_EQ(epochs.exit_status, 2);
  EXPECT_FALSE(std::filesystem::exists("x.safetensors"));
}

TEST(DeixisTrain, LooksAtItsOutputFirst) {
  const Finished run = Start({"--out", "/no/such/folder/model.safetensors"});
  EXPECT_EQ(run.exit_status, 3);
  EXPECT_THAT(run.err, HasSubstr("/no/such/folder/model.safetensors"));
  EXPECT_EQ(run.out, "");
}

TEST(DeixisTrain, TellsHowItGetsOnAndWritesAModel) {
  const std::string path =
      ::testing::TempDir() + "deixis_train_" + std::to_string(::getpid()) + ".safetensors";
  const Finished run = Start(
      {"--out", path, "--pictures", "64", "--held-out", "12", "--epochs", "2", "--batch", "32"});
  ASSERT_EQ(run.exit_status, 0) << run.err;
  std::vector<nlohmann::json> lines;
  std::istringstream stream(run.out);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 4u) << run.out;
  for (const auto& line : lines) EXPECT_EQ(line.at("schema"), 1);
  EXPECT_EQ(lines[0].at("event"), "pictures");
  EXPECT_EQ(lines[0].at("classes"), SceneClassNames());
  for (int epoch = 1; epoch <= 2; ++epoch) {
    const auto& line = lines[static_cast<size_t>(epoch)];
    EXPECT_EQ(line.at("event"), "epoch");
    EXPECT_EQ(line.at("epoch"), epoch);
    EXPECT_EQ(line.at("epochs"), 2);
    EXPECT_GT(line.at("loss").get<double>(), 0);
    EXPECT_GE(line.at("top1").get<double>(), 0);
    EXPECT_LE(line.at("top1").get<double>(), 1);
  }
  EXPECT_EQ(lines[3].at("event"), "done");
  EXPECT_EQ(lines[3].at("file_bytes"), std::filesystem::file_size(path));
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->architecture.name, "resnet20-cifar");
  EXPECT_EQ(model->class_names, SceneClassNames());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace deixis
