// Published networks on real pictures, from the files to the decision: reading a checkpoint,
// decoding and resizing pictures, the network itself. Judged against what PyTorch answered for the
// same files. Needs the data that DEIXIS_DATA names.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/testing/compare.h"
#include "network/model.h"
#include "runtime/executor.h"
#include "runtime/testing/error_analysis.h"
#include "tests/support/npy.h"
#include "vision/csv.h"
#include "vision/dataset.h"
#include "vision/image.h"

namespace deixis {
namespace {

constexpr int kThreads = 2;

std::string DataFolder() {
  const char* folder = std::getenv("DEIXIS_DATA");
  return folder == nullptr ? "" : folder;
}

int LargestOf(std::span<const float> logits) {
  return static_cast<int>(std::ranges::max_element(logits) - logits.begin());
}

// [H, W, 3], (pixel / 255 - mean) / stddev.
std::vector<float> Normalized(const Image& image, const Preprocessing& preprocessing) {
  std::vector<float> input;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const double unit = image.pixels[i] / 255.0;
    input.push_back(
        static_cast<float>((unit - preprocessing.mean[i % 3]) / preprocessing.stddev[i % 3]));
  }
  return input;
}

struct CifarCase {
  const char* file;
  const char* logits;
  int num_correct;
};

class CifarAccuracy : public ::testing::TestWithParam<CifarCase> {};

// Every picture gets the label that PyTorch gave it; logits of every 50th agree within what two
// float32 evaluations may differ by.
TEST_P(CifarAccuracy, IsPyTorchs) {
  const std::string data = DataFolder();
  if (data.empty()) GTEST_SKIP() << "DEIXIS_DATA is not set: no CIFAR-10 pictures";
  const Result<Model> model = LoadModel(data + "/checkpoints/" + GetParam().file);
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Result<Dataset> dataset = OpenDataset(data + "/cifar10/test");
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  ASSERT_EQ(dataset->samples.size(), 2000u);
  const auto reference = testing::ReadNpy(data + "/cifar10/reference/" + GetParam().logits);
  ASSERT_TRUE(reference.ok()) << reference.error().message;
  ASSERT_EQ(reference->shape, (Shape{2000, 10}));

  // The reference is in the order of test_labels.csv.
  const Result<std::string> text = ReadTextFile(data + "/cifar10/test_labels.csv");
  ASSERT_TRUE(text.ok());
  const Result<CsvTable> table = ParseCsv(*text);
  ASSERT_TRUE(table.ok());
  std::map<std::string, size_t> row_of;
  for (size_t row = 0; row < table->rows.size(); ++row) {
    row_of[data + "/cifar10/" + table->rows[row].fields[0]] = row;
  }

  Result<Executor> executor = Executor::Create(*model, {.num_threads = kThreads});
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  testing::ErrorAnalysis analysis(*model);
  int num_correct = 0;
  for (size_t i = 0; i < dataset->samples.size(); ++i) {
    const Sample& sample = dataset->samples[i];
    const Result<Image> image = ReadImage(sample.path);
    ASSERT_TRUE(image.ok()) << image.error().message;
    const Image prepared = PrepareForModel(*image, model->preprocessing);
    const std::span<const float> logits = executor->Run(prepared.pixels);
    ASSERT_TRUE(row_of.contains(sample.path)) << sample.path;
    const std::span<const float> expected(reference->values.data() + 10 * row_of[sample.path], 10);
    EXPECT_EQ(LargestOf(logits), LargestOf(expected)) << sample.path;
    num_correct += LargestOf(logits) == sample.label ? 1 : 0;
    if (i % 50 != 0) continue;
    std::vector<double> bounds = analysis.Bounds(Normalized(prepared, model->preprocessing));
    for (double& bound : bounds) bound *= 2;  // PyTorch ran in float32 too
    const auto mismatch = testing::FirstOutOfBound<float, float>(logits, expected, bounds);
    EXPECT_FALSE(mismatch) << sample.path << ": " << mismatch.value_or("");
  }
  EXPECT_EQ(num_correct, GetParam().num_correct);
}

INSTANTIATE_TEST_SUITE_P(
    Published, CifarAccuracy,
    ::testing::Values(CifarCase{"akamaster/resnet20-12fca82f.th", "resnet20_test_logits.npy", 1840},
                      CifarCase{"akamaster/resnet56-4bfd9763.th", "resnet56_test_logits.npy",
                                1872}),
    [](const auto& each) {
      return std::string(each.param.logits).substr(0, std::string("resnet20").size());
    });

// PyTorch has 231 of 300 right with pictures as they are stored. One of them asks to be turned by
// its EXIF orientation, which ReadImage does and PIL by itself does not.
TEST(ImageNetAccuracy, IsPyTorchs) {
  const std::string data = DataFolder();
  if (data.empty()) GTEST_SKIP() << "DEIXIS_DATA is not set: no ImageNet pictures";
  const Result<Model> model = LoadModel(data + "/imagenet_resnet18/resnet18.pth");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Result<Dataset> dataset = OpenDataset(data + "/imagenet_sample");
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  ASSERT_EQ(dataset->samples.size(), 300u);
  Result<Executor> executor = Executor::Create(*model, {.num_threads = kThreads});
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  int num_correct = 0;
  for (const Sample& sample : dataset->samples) {
    const Result<Image> image = ReadImage(sample.path);
    ASSERT_TRUE(image.ok()) << image.error().message;
    const auto logits = executor->Run(PrepareForModel(*image, model->preprocessing).pixels);
    num_correct += LargestOf(logits) == sample.label ? 1 : 0;
  }
  EXPECT_NEAR(num_correct, 231, 1);
}

}  // namespace
}  // namespace deixis
