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
#include "train/main/testing/trainer_run.h"
#include "vision/image.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

using ::deixis::testing::Finished;
using ::deixis::testing::Start;

TEST(DeixisTrain, RefusesWrongUse) {
  EXPECT_EQ(Start({}).exit_status, 2);
  EXPECT_EQ(Start({"scenes"}).exit_status, 2);  // without --out
  EXPECT_EQ(Start({"--no-such-flag"}).exit_status, 2);
  EXPECT_EQ(Start({"scenery", "--out", "x.safetensors"}).exit_status, 2);
  const Finished unknown = Start({"scenes", "--out", "x.safetensors", "--architecture", "lenet"});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("lenet"));
  EXPECT_EQ(unknown.out, "");
  const Finished epochs = Start({"scenes", "--out", "x.safetensors", "--epochs", "0"});
  EXPECT_EQ(epochs.exit_status, 2);
  EXPECT_FALSE(std::filesystem::exists("x.safetensors"));
}

TEST(DeixisTrain, LooksAtItsOutputFirst) {
  const Finished run = Start({"scenes", "--out", "/no/such/folder/model.safetensors"});
  EXPECT_EQ(run.exit_status, 3);
  EXPECT_THAT(run.err, HasSubstr("/no/such/folder/model.safetensors"));
  EXPECT_EQ(run.out, "");
}

TEST(DeixisTrain, TellsHowItGetsOnAndWritesAModel) {
  const std::string path =
      ::testing::TempDir() + "deixis_train_" + std::to_string(::getpid()) + ".safetensors";
  const Finished run = Start({"scenes", "--out", path, "--pictures", "64", "--held-out", "12",
                              "--epochs", "2", "--batch", "32"});
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

TEST(DeixisTrain, PretrainsABackbone) {
  const std::string path =
      ::testing::TempDir() + "pretrained_" + std::to_string(::getpid()) + ".safetensors";
  EXPECT_EQ(Start({"pretrain"}).exit_status, 2);
  EXPECT_EQ(Start({"pretrain", "--out", path}).exit_status, 2);  // for how long?
  const Finished phases = Start({"pretrain", "--out", path, "--steps", "1", "--phases", "32:half"});
  EXPECT_EQ(phases.exit_status, 2);
  EXPECT_THAT(phases.err, HasSubstr("32:half"));
  const Finished run = Start({"pretrain", "--out", path, "--architecture", "resnet20-cifar",
                              "--steps", "2", "--batch", "4", "--phases", "16:1", "--report", "1"});
  ASSERT_EQ(run.exit_status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"top1_by_family\""));
  EXPECT_THAT(run.out, HasSubstr("\"event\":\"done\""));
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->preprocessing.width_px, 16);

  const Finished other =
      Start({"pretrain", "--out", path + ".on", "--backbone", path, "--steps", "1"});
  EXPECT_EQ(other.exit_status, 4);
  EXPECT_THAT(other.err, HasSubstr("expected a network of the architecture resnet18"));
  const Finished on = Start({"pretrain", "--out", path + ".on", "--backbone", path,
                             "--architecture", "resnet20-cifar", "--steps", "1", "--batch", "4",
                             "--phases", "16:1", "--precision", "bf16"});
  EXPECT_EQ(on.exit_status, 0) << on.err;
  const auto gone_on = LoadModel(path + ".on");
  ASSERT_TRUE(gone_on.ok()) << gone_on.error().message;
  EXPECT_THAT(gone_on->provenance, Contains(Pair("precision", "bf16")));
  EXPECT_THAT(gone_on->provenance, Contains(Pair("backbone_sha256", SizeIs(64))));
  std::filesystem::remove(path + ".on");
  std::filesystem::remove(path);

  const std::string sheet = path + ".png";
  EXPECT_EQ(Start({"pretrain", "--sheet", sheet, "--phases", "16:1"}).exit_status, 0);
  const auto picture = ReadImage(sheet);
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->width_px, 12 * 18);
  std::filesystem::remove(sheet);

  const std::string samples = path + ".samples";
  EXPECT_EQ(
      Start({"pretrain", "--samples", samples, "--count", "9", "--phases", "16:1"}).exit_status, 0);
  int pictures = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(samples)) {
    pictures += entry.path().extension() == ".png" ? 1 : 0;
  }
  EXPECT_EQ(pictures, 9);
  std::filesystem::remove_all(samples);
}

}  // namespace
}  // namespace deixis
