// A dataset under edit in a folder of its own, with pictures that a seed decides: for the tests of
// DatasetStore.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/rng.h"
#include "vision/codecs.h"
#include "vision/dataset_store.h"
#include "vision/write_jpeg.h"

namespace deixis::testing {

// A small picture of blocks that a seed decides.
inline std::vector<std::byte> Jpeg(uint64_t seed, int64_t height_px = 24, int64_t width_px = 32) {
  Rng rng(seed);
  Image image{.height_px = height_px, .width_px = width_px, .pixels = {}};
  uint8_t blocks[64];
  for (uint8_t& block : blocks) block = static_cast<uint8_t>(rng.Below(256));
  for (int64_t y = 0; y < height_px; ++y) {
    for (int64_t x = 0; x < width_px; ++x) {
      const uint8_t value = blocks[8 * (y * 8 / height_px) + x * 8 / width_px];
      image.pixels.insert(image.pixels.end(), {value, value, value});
    }
  }
  return *internal::EncodeJpeg(image, 90);
}

class DatasetStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("deixis_store_") + std::to_string(getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  DatasetStore Make(DatasetKind kind) {
    auto store = DatasetStore::Create(folder_.string(), kind);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return *std::move(store);
  }
  // Objects, with `per_category` pictures of mugs and of keys: 1.. and per_category + 1..
  DatasetStore MakeThings(int per_category) {
    DatasetStore store = Make(DatasetKind::kObjects);
    for (const char* category : {"mug", "keys"}) {
      for (int i = 0; i < per_category; ++i) Put(store, category);
    }
    return store;
  }
  int64_t Put(DatasetStore& store, const std::string& category, const std::string& burst = {}) {
    const std::vector<std::byte> bytes = Jpeg(++seed_);
    NewSample sample{.picture = bytes};
    sample.category = category;
    const auto added = store.Add(sample, {.burst = burst});
    EXPECT_TRUE(added.ok()) << added.error().message;
    return added->id.value_or(0);
  }
  DatasetStore Reopen() {
    auto store = DatasetStore::Open(folder_.string());
    EXPECT_TRUE(store.ok()) << store.error().message;
    return *std::move(store);
  }
  std::string Text(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Files outside of the hidden folder, the tables aside.
  std::set<std::string> Pictures() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().lexically_relative(folder_).string();
      if (entry.is_regular_file() && !name.starts_with('.') && entry.path().extension() != ".csv") {
        names.insert(name);
      }
    }
    return names;
  }

  std::filesystem::path folder_;
  uint64_t seed_ = 0;
};

inline std::set<std::string> Files(const DatasetStore& store) {
  std::set<std::string> files;
  for (const StoredSample& sample : store.samples()) files.insert(sample.file);
  return files;
}

// Everything of the samples that somebody could miss.
inline std::string Summary(const DatasetStore& store) {
  std::string text;
  for (const StoredSample& sample : store.samples()) {
    text += std::to_string(sample.id) + " " + sample.file + " " + sample.category + " " +
            sample.session + (sample.held_out.value_or(false) ? " held out" : "");
    for (const auto& [category, mark] : sample.marks) {
      text += " " + category +
              (mark ? "=" + std::to_string(mark->x) + ";" + std::to_string(mark->y)
                    : std::string("=absent"));
    }
    text += "\n";
  }
  for (const std::string& category : store.categories()) text += category + ",";
  return text;
}

}  // namespace deixis::testing
