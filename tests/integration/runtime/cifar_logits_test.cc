// The published CIFAR networks, from their checkpoint and from PNG files, against PyTorch's logits.
// Needs the data that DEIXIS_DATA names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/testing/compare.h"
#include "base/testing/npy.h"
#include "kernels/elementwise_f32/elementwise_f32.h"
#include "network/model.h"
#include "runtime/executor.h"
#include "runtime/testing/error_analysis.h"
#include "vision/dataset.h"
#include "vision/image.h"

namespace deixis {
namespace {

constexpr int64_t kNumClasses = 10;

std::vector<float> Normalized(const Model& model, const Image& image) {
  NhwcBuffer<float> buffer({.height = image.height_px, .width = image.width_px, .channels = 3});
  NormalizeU8ToF32(NormalizeParams::From(model.preprocessing), image.pixels.data(), buffer.view());
  const float* data = buffer.view().data;
  return {data, data + buffer.view().num_elements()};
}

int64_t IndexOfLargest(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

// The file names of labels.csv in its order, which is that of the reference's rows.
std::vector<std::string> FilesOf(const std::string& labels_csv) {
  const auto text = ReadTextFile(labels_csv);
  EXPECT_TRUE(text.ok()) << labels_csv;
  std::vector<std::string> files;
  if (!text.ok()) return files;
  size_t line = text->find('\n') + 1;
  while (line < text->size()) {
    files.push_back(text->substr(line, text->find(',', line) - line));
    line = std::min(text->find('\n', line), text->size() - 1) + 1;
  }
  return files;
}

struct Network {
  const char* checkpoint;
  const char* logits;
};

class CifarLogits : public ::testing::TestWithParam<Network> {};

TEST_P(CifarLogits, AgreeWithPyTorch) {
  const char* folder = std::getenv("DEIXIS_DATA");
  if (folder == nullptr) GTEST_SKIP() << "DEIXIS_DATA is not set: no CIFAR networks";
  const std::string data(folder);
  const auto model = LoadModel(data + "/checkpoints/akamaster/" + GetParam().checkpoint);
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::vector<float> reference =
      testing::ReadNpyFloats(data + "/cifar10/reference/" + GetParam().logits);
  const std::vector<std::string> files = FilesOf(data + "/cifar10/test_labels.csv");
  ASSERT_EQ(reference.size(), files.size() * kNumClasses);

  auto executor = Executor::Create(*model);
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  constexpr size_t kEvery = 67;  // a prime: all classes come
  for (size_t i = 0; i < files.size(); i += kEvery) {
    const auto image = ReadImage(data + "/cifar10/" + files[i]);
    ASSERT_TRUE(image.ok()) << image.error().message;
    const std::span<const float> expected =
        std::span(reference).subspan(i * kNumClasses, kNumClasses);
    std::vector<double> bound = testing::ErrorAnalysis(*model).Bounds(Normalized(*model, *image));
    for (double& value : bound) value *= 2;  // both runs round
    const std::span<const float> actual = executor->Run(image->pixels);
    const auto mismatch = testing::FirstOutOfBound<float, float>(actual, expected, bound);
    EXPECT_FALSE(mismatch) << files[i] << ": " << *mismatch;
    EXPECT_EQ(IndexOfLargest(actual), IndexOfLargest(expected)) << files[i];
    // A bound that everything meets would show nothing.
    EXPECT_LT(*std::max_element(bound.begin(), bound.end()), 0.02);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Published, CifarLogits,
    ::testing::Values(Network{"resnet20-12fca82f.th", "resnet20_test_logits.npy"},
                      Network{"resnet56-4bfd9763.th", "resnet56_test_logits.npy"}),
    [](const auto& test) { return std::string(test.param.checkpoint).substr(0, 8); });

}  // namespace
}  // namespace deixis
