// A real ImageNet network against what PyTorch computed for one preprocessed picture: independent
// of any image decoder. Needs the data that DEIXIS_DATA names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/testing/compare.h"
#include "base/testing/npy.h"
#include "network/model.h"
#include "runtime/executor.h"
#include "runtime/testing/error_analysis.h"

namespace deixis {
namespace {

// [3, H, W] -> [H, W, 3].
std::vector<float> ToNhwc(const std::vector<float>& chw, int64_t height, int64_t width) {
  std::vector<float> hwc(chw.size());
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t i = 0; i < height * width; ++i) hwc[i * 3 + c] = chw[c * height * width + i];
  }
  return hwc;
}

TEST(Reference, ImageNetResnet18OnAPreprocessedPicture) {
#ifndef DEIXIS_HAVE_PTH
  GTEST_SKIP() << "built without the reader of .pth files: no ImageNet ResNet-18";
#endif
  const char* folder = std::getenv("DEIXIS_DATA");
  if (folder == nullptr || *folder == 0)
    GTEST_SKIP() << "DEIXIS_DATA is not set: no ImageNet ResNet-18";
  const std::string data(folder);
  const auto model = LoadModel(data + "/imagenet_resnet18/resnet18.pth");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::string reference = data + "/imagenet_sample/reference/";
  const std::vector<float> input =
      ToNhwc(testing::ReadNpyFloats(reference + "input_tensor.npy"), 224, 224);
  ASSERT_EQ(input.size(), 224u * 224 * 3);

  auto executor = Executor::Create(*model, {.num_threads = 2});
  ASSERT_TRUE(executor.ok()) << executor.error().message;
  const std::vector<double> bound = testing::ErrorAnalysis(*model).Bounds(input);
  const std::span<const float> logits = executor->RunNormalized(input);
  // Every 125th logit of this very file and picture, by PyTorch 1.13 in float64. (The logits beside
  // the picture are of the network before its batch norms were unfolded; they differ by up to 0.3.)
  const std::vector<double> expected = {-0.649714178, -2.46549954,  0.0947347742, -0.334380485,
                                        -1.08882121,  -0.430326578, 0.791347222,  1.09338017};
  std::vector<float> actual;
  std::vector<double> actual_bound;
  for (size_t i = 0; i < 1000; i += 125) {
    actual.push_back(logits[i]);
    actual_bound.push_back(bound[i] + 1e-8);  // as many digits as are written above
  }
  const auto mismatch = testing::FirstOutOfBound<float, double>(actual, expected, actual_bound);
  EXPECT_FALSE(mismatch) << *mismatch;
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), 17);  // jay
}

}  // namespace
}  // namespace deixis
