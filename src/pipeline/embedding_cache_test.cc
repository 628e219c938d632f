// What was kept is found, bit for bit; what was damaged is not; and the folder stays small.
#include "pipeline/embedding_cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "pipeline/testing/random_backbone.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

class EmbeddingCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string folder_ =
      ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const EmbeddingCache::Entry entry_{.size = {.height_px = 480, .width_px = 640},
                                     .values = {0.5f, -2.0f, 0.0f, 65504.0f}};
};

TEST_F(EmbeddingCacheTest, WhatWasKeptIsFound) {
  const EmbeddingCache cache(folder_, 1 << 20);
  EXPECT_FALSE(cache.Find("key", 4));
  cache.Keep("key", entry_);
  const auto found = cache.Find("key", 4);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->values, entry_.values);
  EXPECT_EQ(found->size.height_px, 480);
  EXPECT_EQ(found->size.width_px, 640);
  EXPECT_FALSE(cache.Find("other", 4));
  EXPECT_FALSE(cache.Find("key", 3));
  EXPECT_FALSE(cache.Find("key", 5));
  // Nothing half-written is left.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(EmbeddingCacheTest, AnyDamagedByteIsAMiss) {
  const EmbeddingCache cache(folder_, 1 << 20);
  cache.Keep("key", entry_);
  const std::string path = folder_ + "/key";
  const std::string bytes = *ReadTextFile(path);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_FALSE(cache.Find("key", 4)) << "byte " << i;
  }
  for (const size_t size : {size_t{0}, size_t{7}, bytes.size() - 1}) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, size);
    EXPECT_FALSE(cache.Find("key", 4)) << size << " bytes";
  }
  cache.Keep("key", entry_);
  EXPECT_TRUE(cache.Find("key", 4));
}

TEST_F(EmbeddingCacheTest, WhatIsUsedStaysWhatIsNotGoes) {
  const EmbeddingCache cache(folder_, 1000);
  for (int i = 0; i < 10; ++i) {
    cache.Keep(std::to_string(i), entry_);
    fs::last_write_time(folder_ + "/" + std::to_string(i),
                        fs::file_time_type::clock::now() - std::chrono::hours(100 - i));
  }
  EXPECT_TRUE(cache.Find("0", 4));  // used just now
  cache.Trim();
  EXPECT_TRUE(cache.Find("0", 4));
  EXPECT_TRUE(cache.Find("9", 4));
  EXPECT_FALSE(cache.Find("1", 4));
  int64_t total = 0;
  for (const auto& file : fs::directory_iterator(folder_)) {
    total += static_cast<int64_t>(file.file_size());
  }
  EXPECT_LE(total, 800);
  EXPECT_GT(total, 500);
}

TEST_F(EmbeddingCacheTest, WhereNothingCanBeKeptNothingFails) {
  const EmbeddingCache none;
  none.Keep("key", entry_);
  EXPECT_FALSE(none.Find("key", 4));
  none.Trim();
  std::ofstream(folder_) << "a file where the folder should be";
  const EmbeddingCache blocked(folder_, 1000);
  blocked.Keep("key", entry_);
  EXPECT_FALSE(blocked.Find("key", 4));
  blocked.Trim();
}

TEST(BackboneDigest, IsOfTheBodyAndThePreprocessing) {
  const Model backbone = testing::RandomBackbone();
  const std::string digest = BackboneDigest(backbone);
  EXPECT_EQ(digest.size(), 64u);
  Model other_head = testing::ConstantModel(Task::kLocate, {1, 2});
  other_head.provenance.emplace_back("taught", "yesterday");
  EXPECT_EQ(BackboneDigest(other_head), digest);
  Model larger = backbone;
  larger.preprocessing.width_px = 48;
  EXPECT_NE(BackboneDigest(larger), digest);
  Model changed = backbone;
  Tensor& weight = std::get<Tensor>(changed.layers.at("conv1").weight);
  std::vector<float> values = weight.ToFloats();
  values[5] += 0.001f;
  weight = Tensor::FromVector<float>(weight.shape(), values);
  EXPECT_NE(BackboneDigest(changed), digest);
}

TEST_F(EmbeddingCacheTest, APicturesKeyIsOfItsBytes) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/a.png") << "picture";
  std::ofstream(folder_ + "/b.png") << "picture";
  std::ofstream(folder_ + "/c.png") << "another";
  EXPECT_EQ(*EmbeddingKey(folder_ + "/a.png", "x"), *EmbeddingKey(folder_ + "/b.png", "x"));
  EXPECT_NE(*EmbeddingKey(folder_ + "/a.png", "x"), *EmbeddingKey(folder_ + "/c.png", "x"));
  EXPECT_NE(*EmbeddingKey(folder_ + "/a.png", "x"), *EmbeddingKey(folder_ + "/a.png", "y"));
  EXPECT_FALSE(EmbeddingKey(folder_ + "/none.png", "x").ok());
}

}  // namespace
}  // namespace deixis
