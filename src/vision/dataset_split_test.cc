// What is held out: by session, near duplicates together, nothing moved by what comes later.
#include "vision/dataset_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/rng.h"
#include "vision/write_jpeg.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

PictureHash RandomHash(Rng& rng) {
  PictureHash hash;
  for (uint64_t& word : hash.bits) word = rng.NextBits();
  return hash;
}

PictureHash WithBitsFlipped(PictureHash hash, int count, Rng& rng) {
  std::set<uint64_t> flipped;
  while (static_cast<int>(flipped.size()) < count) {
    const uint64_t bit = rng.Below(256);
    if (flipped.insert(bit).second) hash.bits[bit / 64] ^= uint64_t{1} << (bit % 64);
  }
  return hash;
}

// `count` pictures that have nothing in common, of two categories in turn.
std::vector<SplitSample> Strangers(int count, uint64_t seed) {
  Rng rng(seed);
  std::vector<SplitSample> samples;
  for (int i = 0; i < count; ++i) {
    samples.push_back(
        {.category = i % 2, .session = {}, .hash = RandomHash(rng), .held_out = std::nullopt});
  }
  return samples;
}

// A picture with structure that a seed decides; `brighter` and `quality` change it a little.
Image Picture(uint64_t seed, int64_t height_px, int64_t width_px, int brighter = 0) {
  Rng rng(seed);
  struct Wave {
    double x, y, phase, size;
  };
  std::vector<Wave> waves;
  for (int i = 0; i < 12; ++i) {
    waves.push_back({rng.Uniform(0, 20), rng.Uniform(0, 20), rng.Uniform(0, 6), rng.Unit()});
  }
  Image image{.height_px = height_px, .width_px = width_px, .pixels = {}};
  for (int64_t y = 0; y < height_px; ++y) {
    for (int64_t x = 0; x < width_px; ++x) {
      double sum = 110;
      for (const Wave& wave : waves) {
        const double turn = wave.x * static_cast<double>(x) / static_cast<double>(width_px) +
                            wave.y * static_cast<double>(y) / static_cast<double>(height_px);
        sum += 18 * wave.size * std::sin(turn + wave.phase);
      }
      const auto value = static_cast<uint8_t>(std::clamp(sum + brighter, 0.0, 255.0));
      image.pixels.insert(image.pixels.end(), {value, value, static_cast<uint8_t>(value / 2)});
    }
  }
  return image;
}

TEST(PictureHash, IsNearlyTheSameForTheSamePicture) {
  const PictureHash hash = HashPicture(Picture(1, 240, 320));
  EXPECT_LE(Distance(hash, HashPicture(Picture(1, 480, 640))), kNearDuplicateBits);
  EXPECT_LE(Distance(hash, HashPicture(Picture(1, 240, 320, 25))), kNearDuplicateBits);
  EXPECT_GT(Distance(hash, HashPicture(Picture(2, 240, 320))), 2 * kNearDuplicateBits);
  EXPECT_EQ(Distance(hash, hash), 0);
}

TEST(PictureHash, KeepsItsBitsAsText) {
  Rng rng(3);
  const PictureHash hash = RandomHash(rng);
  EXPECT_EQ(PictureHashFromHex(ToHex(hash)), hash);
  EXPECT_EQ(PictureHashFromHex("12"), std::nullopt);
  EXPECT_EQ(PictureHashFromHex(std::string(63, '0') + "g"), std::nullopt);
}

TEST(PlanSplit, HoldsOutTheShare) {
  for (const double share : {0.1, 0.2, 0.4}) {
    const Split split = PlanSplit(Strangers(4000, 7), {.share = share});
    EXPECT_NEAR(static_cast<double>(split.num_held_out) / 4000, share, 0.025);  // 4 sigma
    EXPECT_EQ(split.num_units, 4000);
    EXPECT_TRUE(split.not_held_out.empty());
    EXPECT_EQ(split.num_held_out, std::ranges::count(split.held_out, true));
  }
}

TEST(PlanSplit, MovesNothingWhenSamplesAreAdded) {
  std::vector<SplitSample> samples = Strangers(600, 11);
  for (size_t i = 0; i < 300; ++i) samples[i].session = "day " + std::to_string(i / 20);
  const std::vector<SplitSample> first(samples.begin(), samples.begin() + 400);
  const Split before = PlanSplit(first, {});
  const Split after = PlanSplit(samples, {});
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(before.held_out[i], after.held_out[i]) << i;
  }
  // And the order in which strangers are listed says nothing.
  std::vector<SplitSample> reversed(samples.rbegin(), samples.rend());
  const Split backwards = PlanSplit(reversed, {});
  for (size_t i = 300; i < samples.size(); ++i) {
    EXPECT_EQ(backwards.held_out[samples.size() - 1 - i], after.held_out[i]) << i;
  }
}

TEST(PlanSplit, KeepsNearDuplicatesOnOneSide) {
  Rng rng(5);
  std::vector<SplitSample> samples;
  for (int scene = 0; scene < 200; ++scene) {
    PictureHash hash = RandomHash(rng);
    for (int i = 0; i < 6; ++i) {
      samples.push_back({.category = i % 2, .session = {}, .hash = hash, .held_out = {}});
      hash = WithBitsFlipped(hash, kNearDuplicateBits, rng);  // the last is far from the first
    }
  }
  const Split split = PlanSplit(samples, {});
  EXPECT_EQ(split.num_units, 200);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(split.held_out[i], split.held_out[i / 6 * 6]) << i;
  }
  // One bit further, and they are strangers.
  const Split strict = PlanSplit(samples, {.near_duplicate_bits = kNearDuplicateBits - 1});
  EXPECT_GT(strict.num_units, 1100);
}

TEST(PlanSplit, KeepsSessionsOnOneSide) {
  std::vector<SplitSample> samples = Strangers(1000, 13);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].session = "student " + std::to_string(i / 10);
  }
  const Split split = PlanSplit(samples, {});
  EXPECT_EQ(split.num_units, 100);
  EXPECT_EQ(split.by_session, (std::vector<bool>{true, true}));
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(split.held_out[i], split.held_out[i / 10 * 10]) << i;
  }
  EXPECT_NEAR(static_cast<double>(split.num_held_out), 200, 160);
}

TEST(PlanSplit, BreaksUpSessionsOfACategoryThatHasFew) {
  // Category 0 was taken in ten sessions, category 1 in one.
  std::vector<SplitSample> samples = Strangers(400, 17);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].session = samples[i].category == 1 ? "0" : std::to_string(i / 40);
  }
  const Split split = PlanSplit(samples, {});
  EXPECT_EQ(split.by_session, (std::vector<bool>{true, false}));
  int held_out_of_one = 0;
  for (size_t i = 1; i < samples.size(); i += 2) held_out_of_one += split.held_out[i] ? 1 : 0;
  EXPECT_NEAR(held_out_of_one, 40, 24);
  EXPECT_TRUE(split.not_held_out.empty());
}

TEST(PlanSplit, LeavesEachCategoryHalfItsPictures) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<SplitSample> samples = Strangers(24, seed);
    const Split split = PlanSplit(samples, {.share = 0.5});
    std::map<int, int> held;
    for (size_t i = 0; i < samples.size(); ++i) {
      held[samples[i].category] += split.held_out[i] ? 1 : 0;
    }
    for (const auto& [category, count] : held) {
      EXPECT_LE(count, 6) << seed;
      EXPECT_GE(count, 1) << seed;
    }
  }
}

TEST(PlanSplit, SaysWhichCategoriesHaveNothingHeldOut) {
  std::vector<SplitSample> samples = Strangers(40, 19);
  for (SplitSample& sample : samples) {
    if (sample.category == 1) sample.hash = samples[1].hash;  // one still scene
  }
  const Split split = PlanSplit(samples, {});
  EXPECT_EQ(split.not_held_out, std::vector<int>{1});
  EXPECT_EQ(PlanSplit(std::vector<SplitSample>{}, {}).num_units, 0);
}

TEST(PlanSplit, KeepsTheSidesThatWereWrittenDown) {
  std::vector<SplitSample> samples = Strangers(200, 23);
  for (size_t i = 0; i < samples.size(); ++i) samples[i].held_out = i % 5 < 2;
  Rng rng(1);
  // A near duplicate of each of the first twenty, with no side of its own.
  for (size_t i = 0; i < 20; ++i) {
    samples.push_back({.category = samples[i].category,
                       .session = {},
                       .hash = WithBitsFlipped(samples[i].hash, 3, rng),
                       .held_out = std::nullopt});
  }
  const Split split = PlanSplit(samples, {});
  for (size_t i = 0; i < 200; ++i) EXPECT_EQ(split.held_out[i], i % 5 < 2) << i;
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(split.held_out[200 + i], i % 5 < 2) << i;
}

// Pictures come one by one, each keeps its side, and what comes hangs together in bursts.
TEST(PlanSplit, NeverEmptiesTheTrainingPartOfACategoryThatGrows) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    std::vector<SplitSample> samples;
    std::vector<PictureHash> scenes;
    for (int burst = 0; burst < 9; ++burst) {
      // Of three categories in turn; every other burst shows what another category showed before.
      if (burst % 2 == 0 || rng.Unit() < 0.5) scenes.push_back(RandomHash(rng));
      const PictureHash scene = scenes[rng.Below(scenes.size())];
      const auto pictures = 1 + static_cast<int>(rng.Below(20));
      for (int i = 0; i < pictures; ++i) {
        samples.push_back({.category = burst % 3,
                           .session = {},
                           .hash = WithBitsFlipped(scene, 5, rng),
                           .held_out = std::nullopt});
        const Split split = PlanSplit(samples, {.compare_written = false});
        std::map<int, std::pair<int, int>> sides;  // by category: training, held out
        for (size_t k = 0; k < samples.size(); ++k) {
          if (samples[k].held_out) ASSERT_EQ(split.held_out[k], *samples[k].held_out);
          samples[k].held_out = split.held_out[k];
          auto& [training, held_out] = sides[samples[k].category];
          (split.held_out[k] ? held_out : training) += 1;
        }
        for (const auto& [category, side] : sides) {
          EXPECT_GE(side.first, side.second) << "seed " << seed << ", category " << category;
          EXPECT_GE(side.first, 1);
        }
      }
    }
  }
}

TEST(PlanSplit, HoldsOutThePartOfAUnitThatACategoryCanSpare) {
  // One scene was taken for both categories; category 1 has hardly anything else.
  std::vector<SplitSample> samples = Strangers(20, 41);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].category = i < 12 ? 0 : 1;
    if (i >= 6 && i < 15) samples[i].hash = samples[6].hash;
    if (i >= 15) samples[i].hash = samples[15].hash;
  }
  const Split split = PlanSplit(samples, {.share = 0.01});
  EXPECT_TRUE(split.not_held_out.empty());
  int held_out_of_one = 0;
  for (size_t i = 12; i < samples.size(); ++i) held_out_of_one += split.held_out[i] ? 1 : 0;
  EXPECT_EQ(held_out_of_one, 3);
}

TEST(PlanSplit, NewPicturesOfASessionOnBothSidesGoWithTheirDuplicates) {
  // Written down while there was one session; two more have come since.
  std::vector<SplitSample> samples = Strangers(60, 29);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].session = std::to_string(i / 20);
    if (i < 20) samples[i].held_out = i % 4 == 0;
  }
  SplitSample again = samples[0];
  again.held_out.reset();
  samples.push_back(again);
  again = samples[1];
  again.held_out.reset();
  samples.push_back(again);
  const Split split = PlanSplit(samples, {});
  EXPECT_TRUE(split.held_out[60]);
  EXPECT_FALSE(split.held_out[61]);
  for (size_t i = 20; i < 60; ++i) EXPECT_EQ(split.held_out[i], split.held_out[i / 20 * 20]) << i;
}

TEST(SplitOptions, NameWhatIsOutOfRange) {
  EXPECT_TRUE(SplitOptions{}.Validate().ok());
  for (const double share : {0.0, 0.6, std::nan("")}) {
    EXPECT_EQ(SplitOptions{.share = share}.Validate().error().code, ErrorCode::kUsage);
  }
  EXPECT_FALSE(SplitOptions{.near_duplicate_bits = 200}.Validate().ok());
}

class SplitDatasetTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(SplitDatasetTest, ReadsSessionsSidesAndPictures) {
  std::string csv = "file,label,class,student_block,held_out\n";
  for (int i = 0; i < 24; ++i) {
    const std::string file = std::to_string(i) + ".jpg";
    ASSERT_TRUE(
        WriteJpeg((folder_ / file).string(), Picture(static_cast<uint64_t>(i), 48, 64)).ok());
    csv += file + ",0,mug," + std::to_string(i / 4) + "," + (i < 4 ? "1" : "") + "\n";
  }
  std::ofstream(folder_ / "labels.csv") << csv;
  const auto dataset = OpenDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_EQ(dataset->samples[5].session, "1");
  EXPECT_EQ(dataset->samples[0].held_out, true);
  EXPECT_EQ(dataset->samples[4].held_out, std::nullopt);
  const auto split = SplitDataset(*dataset, {}, 2);
  ASSERT_TRUE(split.ok()) << split.error().message;
  EXPECT_EQ(split->num_units, 6);
  EXPECT_TRUE(split->held_out[3]);
  const DatasetSides sides = TakeApart(*dataset, *split);
  EXPECT_EQ(sides.held_out.samples.size(), static_cast<size_t>(split->num_held_out));
  EXPECT_EQ(sides.training.samples.size() + sides.held_out.samples.size(), 24u);
  EXPECT_EQ(sides.training.class_names, dataset->class_names);

  const auto stopped = SplitDataset(*dataset, {}, 1, [](int64_t, int64_t) { return false; });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kInterrupted);
  std::ofstream(folder_ / "7.jpg") << "no picture";
  const auto broken = SplitDataset(*dataset, {}, 2);
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("7.jpg"), std::string::npos);
}

TEST_F(SplitDatasetTest, RefusesASideThatIsNone) {
  std::ofstream(folder_ / "a.jpg") << "x";
  std::ofstream(folder_ / "labels.csv") << "file,label,held_out\na.jpg,0,perhaps\n";
  const auto dataset = OpenDataset(folder_.string());
  ASSERT_FALSE(dataset.ok());
  EXPECT_NE(dataset.error().message.find("line 2"), std::string::npos);
  EXPECT_NE(dataset.error().message.find("perhaps"), std::string::npos);
}

TEST_F(SplitDatasetTest, KeepsTheMarksOfAPictureTogether) {
  std::string csv = "file,category,x_px,y_px,presence,scene\n";
  for (int i = 0; i < 12; ++i) {
    const std::string file = std::to_string(i) + ".jpg";
    ASSERT_TRUE(
        WriteJpeg((folder_ / file).string(), Picture(static_cast<uint64_t>(i), 48, 64)).ok());
    csv += file + ",tip,1,2,1,a\n" + file + ",knuckle,,,0,a\n";
  }
  std::ofstream(folder_ / "points.csv") << csv;
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_EQ(dataset->samples[0].session, "a");
  const auto split = SplitDataset(*dataset, {});
  ASSERT_TRUE(split.ok()) << split.error().message;
  EXPECT_EQ(split->num_units, 12);
  EXPECT_GT(split->num_held_out, 0);
  for (size_t i = 0; i < 24; i += 2) EXPECT_EQ(split->held_out[i], split->held_out[i + 1]);
}

}  // namespace
}  // namespace deixis
