// A small network with made-up weights and pictures to compress it with.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/rng.h"
#include "compress/compress.h"
#include "network/testing/synthetic.h"
#include "runtime/executor.h"
#include "vision/image.h"

namespace deixis::testing {

// A CIFAR ResNet-20 with made-up weights.
inline Model SomeModel() {
  Result<Model> model = ModelFromTensors(SyntheticFile(*FindArchitecture("resnet20-cifar"), 10, 1));
  EXPECT_TRUE(model.ok());
  return std::move(model).value();
}

// A folder of smooth random pictures, in two categories; removed at the end.
class SomePictures {
 public:
  explicit SomePictures(int count) {
    std::string pattern = ::testing::TempDir() + "/deixis-compress-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    Rng rng(3);
    for (int n = 0; n < count; ++n) {
      const std::string category = folder_ + (n % 2 == 0 ? "/a" : "/b");
      std::filesystem::create_directories(category);
      Image image{.height_px = 32, .width_px = 32, .pixels = std::vector<uint8_t>(32 * 32 * 3)};
      const double phase = rng.Uniform(0, 6);
      const double step = rng.Uniform(0.05, 0.5);
      for (size_t i = 0; i < image.pixels.size(); ++i) {
        image.pixels[i] = static_cast<uint8_t>(
            128 + 100 * std::sin(phase + step * static_cast<double>(i / 3 % 32 + i / 96)) +
            rng.Uniform(-20, 20));
      }
      EXPECT_TRUE(WritePng(category + "/" + std::to_string(n) + ".png", image).ok());
    }
  }
  ~SomePictures() { std::filesystem::remove_all(folder_); }
  PictureSet Open(const Model& model) const {
    return PictureSet(*OpenDataset(folder_), model.preprocessing);
  }

 private:
  std::string folder_;
};

inline void ExpectSameModel(const Model& a, const Model& b) {
  const TensorFile left = ModelToTensors(a);
  const TensorFile right = ModelToTensors(b);
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (size_t i = 0; i < left.tensors.size(); ++i) {
    EXPECT_EQ(left.tensors[i].name, right.tensors[i].name);
    EXPECT_TRUE(BitIdentical(left.tensors[i].tensor, right.tensors[i].tensor))
        << left.tensors[i].name;
  }
}

inline CompressedModel MustCompress(const Model& model, PictureSet* pictures,
                                    const CompressOptions& options) {
  Result<CompressedModel> result = Compress(model, pictures, options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return std::move(result).value();
}

// What the compressed network gives, against the original, over the pictures: mean square of the
// difference of logits over that of the original's logits about their mean.
inline double LogitError(const Model& model, const Model& other, PictureSet& set) {
  Executor a = *Executor::Create(model);
  Executor b = *Executor::Create(other);
  std::vector<uint8_t> pixels(set.picture_bytes());
  double error = 0;
  double square = 0;
  for (int64_t n = 0; n < set.size(); ++n) {
    EXPECT_TRUE(set.Read(n, pixels).ok());
    const std::span<const float> left = a.Run(pixels);
    const std::span<const float> right = b.Run(pixels);
    for (size_t i = 0; i < left.size(); ++i) {
      error += (left[i] - right[i]) * (left[i] - right[i]);
      square += left[i] * left[i];
    }
  }
  return error / square;
}

}  // namespace deixis::testing
