// Quick teaching on pictures whose answer is known: a random backbone suffices to tell plain
// colours apart and to find a bright square.
#include "pipeline/quick_teach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <string>
#include <variant>

#include "base/file.h"
#include "base/rng.h"
#include "compress/compress.h"
#include "compress/evaluate.h"
#include "pipeline/embedding.h"
#include "pipeline/testing/random_backbone.h"
#include "vision/image.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using deixis::testing::RandomBackbone;

class QuickTeachTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A 32x32 picture of noise around `base` with a white 6x6 square whose centre is (x, y).
  void Draw(const std::string& name, const std::array<int, 3>& base, int x, int y, Rng& rng) {
    Image image{.height_px = 32, .width_px = 32, .pixels = std::vector<uint8_t>(32 * 32 * 3)};
    for (int row = 0; row < 32; ++row) {
      for (int column = 0; column < 32; ++column) {
        const bool inside = std::abs(row - y) <= 3 && std::abs(column - x) <= 3;
        for (int c = 0; c < 3; ++c) {
          image.pixels[(row * 32 + column) * 3 + c] =
              static_cast<uint8_t>(inside ? 255 : base[c] + static_cast<int>(rng.Below(20)));
        }
      }
    }
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    ASSERT_TRUE(WritePng(path.string(), image).ok());
  }

  fs::path folder_;
};

TEST_F(QuickTeachTest, LearnsCategoriesAndNamesThem) {
  Rng rng(1);
  for (int i = 0; i < 12; ++i) {
    Draw("blue/" + std::to_string(i) + ".png", {20, 20, 200}, 10, 10, rng);
    Draw("green/" + std::to_string(i) + ".png", {20, 180, 20}, 20, 12, rng);
  }
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenDataset(folder_.string()), backbone.preprocessing);
  const auto taught = QuickTeach(backbone, pictures, {});
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  EXPECT_EQ(taught->model.architecture.num_outputs, 2);
  EXPECT_EQ(taught->model.class_names, (std::vector<std::string>{"blue", "green"}));
  EXPECT_EQ(taught->held_out_top1, 1.0);
  EXPECT_FALSE(taught->unknown.has_value());  // two categories: none can be left out
  // The model that comes out is a model like any other: saved, loaded, judged.
  const std::string path = (folder_ / "taught.safetensors").string();
  ASSERT_TRUE(SaveModel(path, taught->model).ok());
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto evaluation = Evaluate(*loaded, pictures);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(evaluation->top1(), 1.0);
}

TEST_F(QuickTeachTest, FindsAMarkBetterThanTheMeanPosition) {
  Rng rng(2);
  double spread = 0;
  for (int i = 0; i < 60; ++i) {
    const int x = 4 + static_cast<int>(rng.Below(24));
    const int y = 4 + static_cast<int>(rng.Below(24));
    spread += std::hypot(x - 15.5, y - 15.5) / 60;
    Draw("tip/" + std::to_string(x) + "_" + std::to_string(y) + "_" + std::to_string(i) + ".png",
         {90, 90, 90}, x, y, rng);
  }
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenPointDataset(folder_.string()), backbone.preprocessing);
  QuickTeachOptions options;
  options.task = Task::kLocate;
  const auto taught = QuickTeach(backbone, pictures, options);
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  EXPECT_EQ(taught->model.task, Task::kLocate);
  EXPECT_EQ(taught->model.architecture.num_outputs, 2);
  EXPECT_EQ(taught->model.architecture.flattened_pixels, 64);
  // Every pixel of the map tells where it is: far better than the mean position.
  EXPECT_LT(taught->held_out_error_px, 0.4 * spread);
  const auto evaluation = Evaluate(taught->model, pictures);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_LT(evaluation->mean_error_px(), 0.4 * spread);
}

// Written down as held out, a picture judges and never teaches.
TEST_F(QuickTeachTest, WhatIsHeldOutDoesNotTeach) {
  Rng rng(6);
  std::string labels = "file,label,name,held_out\n";
  for (int i = 0; i < 24; ++i) {
    const bool is_blue = i % 2 == 0;
    const bool is_held_out = i >= 16;
    const std::string name = std::to_string(i) + ".png";
    // The held-out ones are the other way round: who learns from them gets them right.
    Draw(name, is_blue != is_held_out ? std::array{20, 20, 200} : std::array{20, 180, 20}, 10, 10,
         rng);
    labels += name + (is_blue ? ",0,blue," : ",1,green,") + (is_held_out ? "1\n" : "0\n");
  }
  ASSERT_TRUE(WriteFileAtomically((folder_ / "labels.csv").string(), labels).ok());
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenDataset(folder_.string()), backbone.preprocessing);
  const auto taught = QuickTeach(backbone, pictures, {});
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  EXPECT_EQ(taught->images, 16);
  EXPECT_EQ(taught->held_out_images, 8);
  EXPECT_EQ(taught->held_out_top1, 0.0);
}

// Six colours, a model of the first four, and what it makes of the others.
TEST_F(QuickTeachTest, RejectsWhatItWasNotTaught) {
  Rng rng(7);
  const std::array<int, 3> colours[] = {{20, 20, 200},  {20, 180, 20},  {200, 20, 20},
                                        {200, 200, 20}, {20, 200, 200}, {90, 90, 90}};
  for (int i = 0; i < 16; ++i) {
    for (int c = 0; c < 6; ++c) {
      const std::string set = c < 4 ? "taught/" : "others/";
      Draw(set + std::to_string(c) + "/" + std::to_string(i) + ".png", colours[c],
           6 + static_cast<int>(rng.Below(20)), 6 + static_cast<int>(rng.Below(20)), rng);
    }
  }
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenDataset((folder_ / "taught").string()), backbone.preprocessing);
  const auto taught = QuickTeach(backbone, pictures, {});
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  ASSERT_TRUE(taught->unknown.has_value());
  EXPECT_GT(taught->unknown->roc, 0.9);
  const std::string path = (folder_ / "taught.safetensors").string();
  ASSERT_TRUE(SaveModel(path, taught->model).ok());
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ASSERT_TRUE(loaded->rejection.has_value());
  EXPECT_EQ(loaded->rejection->threshold, taught->model.rejection->threshold);
  const auto known = Evaluate(*loaded, pictures);
  ASSERT_TRUE(known.ok()) << known.error().message;
  EXPECT_LT(std::ranges::count(known->called_unknown, true), 16);
  Dataset others = *OpenDataset((folder_ / "others").string());
  others.class_names.clear();
  PictureSet strangers(others, backbone.preprocessing);
  const auto unknown = Evaluate(*loaded, strangers);
  ASSERT_TRUE(unknown.ok()) << unknown.error().message;
  EXPECT_GT(std::ranges::count(unknown->called_unknown, true), 24);
}

// A body in integers is taught as it is, also one whose head read every pixel before.
TEST_F(QuickTeachTest, ACompressedBackboneStaysCompressed) {
  Rng rng(8);
  for (int i = 0; i < 24; ++i) {
    Draw("marked/tip/" + std::to_string(4 + i) + "_" + std::to_string(5 + i % 20) + "_" +
             std::to_string(i) + ".png",
         {90, 90, 90}, 4 + i, 5 + i % 20, rng);
    Draw("kinds/" + std::to_string(i % 2) + "/" + std::to_string(i) + ".png",
         i % 2 == 0 ? std::array{20, 20, 200} : std::array{20, 180, 20}, 10, 10, rng);
  }
  const Model backbone = RandomBackbone();
  PictureSet kinds(*OpenDataset((folder_ / "kinds").string()), backbone.preprocessing);
  CompressOptions compress;
  compress.activations = RangeOptions{};
  const auto compressed = Compress(backbone, &kinds, compress);
  ASSERT_TRUE(compressed.ok()) << compressed.error().message;
  PictureSet tips(*OpenPointDataset((folder_ / "marked").string()), backbone.preprocessing);
  QuickTeachOptions options;
  options.task = Task::kLocate;
  const auto pointer = QuickTeach(compressed->model, tips, options);
  ASSERT_TRUE(pointer.ok()) << pointer.error().message;
  EXPECT_TRUE(
      std::holds_alternative<PalettizedTensor>(pointer->model.layers.at("layer1.0.conv1").weight));
  Model body = pointer->model;
  body.activations.erase("avgpool");
  const auto classifier = QuickTeach(body, kinds, {});
  ASSERT_TRUE(classifier.ok()) << classifier.error().message;
  const std::string path = (folder_ / "classifier.safetensors").string();
  const Status saved = SaveModel(path, classifier->model);
  ASSERT_TRUE(saved.ok()) << saved.error().message;
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->architecture.pooled_stages, 3);
  EXPECT_EQ(loaded->activations.at("avgpool"), classifier->model.activations.at("avgpool"));
  const auto evaluation = Evaluate(*loaded, kinds);
  ASSERT_TRUE(evaluation.ok()) << evaluation.error().message;
  EXPECT_EQ(evaluation->top1(), 1.0);
}

// The means of a body in integers get a scale that leaves room: the same for a few more pictures,
// so that what was embedded before still holds, and larger for pictures that need it.
TEST_F(QuickTeachTest, TheMeansScaleHoldsThePicturesAndSomeMore) {
  Rng rng(6);
  for (int i = 0; i < 12; ++i) {
    Draw("kinds/a/" + std::to_string(i) + ".png", {90, 60, 90}, 8, 8, rng);
    Draw("more/a/" + std::to_string(i) + ".png", {90, 60, 90}, 8, 8, rng);
  }
  Draw("more/a/12.png", {88, 62, 92}, 9, 8, rng);
  const Model backbone = RandomBackbone();
  PictureSet kinds(*OpenDataset((folder_ / "kinds").string()), backbone.preprocessing);
  PictureSet more(*OpenDataset((folder_ / "more").string()), backbone.preprocessing);
  CompressOptions compress;
  compress.activations = RangeOptions{};
  const auto compressed = Compress(backbone, &kinds, compress);
  ASSERT_TRUE(compressed.ok()) << compressed.error().message;
  ThreadPool pool(2);
  const auto scaled = ToEmbed(compressed->model, kinds, {}, pool);
  ASSERT_TRUE(scaled.ok()) << scaled.error().message;
  const auto again = ToEmbed(*scaled, more, {}, pool);
  ASSERT_TRUE(again.ok()) << again.error().message;
  const ActivationQuantization scale = scaled->activations.at("avgpool");
  EXPECT_EQ(again->activations.at("avgpool"), scale);
  const auto embeddings = Embed(*scaled, kinds, {}, pool);
  ASSERT_TRUE(embeddings.ok()) << embeddings.error().message;
  EXPECT_EQ(embeddings->map_channels, (std::vector<int64_t>{16, 32, 64}));
  const float largest = *std::ranges::max_element(embeddings->values);
  EXPECT_LT(largest, 250 * scale.scale);  // nothing is cut off
  EXPECT_GT(largest, 120 * scale.scale);  // nor are many of the levels unused
  // Fewer maps are as their backbone has them.
  QuickTeachOptions last_map;
  last_map.pooled_stages = 1;
  const auto taught = QuickTeach(compressed->model, kinds, last_map);
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  EXPECT_EQ(taught->model.architecture.pooled_stages, 1);
  // In float there is nothing to scale.
  const auto floats = ToEmbed(backbone, kinds, {}, pool);
  ASSERT_TRUE(floats.ok());
  EXPECT_TRUE(floats->activations.empty());
}

// A copy follows from its picture alone, wherever that lies and whoever looks at it.
TEST_F(QuickTeachTest, CopiesAreOfTheirPicture) {
  Rng rng(7);
  for (int i = 0; i < 4; ++i) {
    Draw("some/a/" + std::to_string(i) + ".png", {20, 120, 200}, 8 + 4 * i, 12, rng);
  }
  fs::create_directories(folder_ / "one/a");
  fs::copy_file(folder_ / "some/a/2.png", folder_ / "one/a/again.png");
  const Model backbone = RandomBackbone();
  PictureSet some(*OpenDataset((folder_ / "some").string()), backbone.preprocessing);
  PictureSet one(*OpenDataset((folder_ / "one").string()), backbone.preprocessing);
  EmbedOptions options;
  ThreadPool pool(2);
  const auto alone = Embed(backbone, some, options, pool);
  ASSERT_TRUE(alone.ok()) << alone.error().message;
  EXPECT_EQ(alone->views, 1);
  options.varied_copies = 2;
  const auto embeddings = Embed(backbone, some, options, pool);
  ASSERT_TRUE(embeddings.ok()) << embeddings.error().message;
  ASSERT_EQ(embeddings->views, 3);
  ASSERT_EQ(embeddings->num_pictures(), 4);
  const auto row = [](const Embeddings& of, int64_t picture, int64_t view) {
    const std::span<const float> values = of.Row(picture, view);
    return std::vector<float>(values.begin(), values.end());
  };
  for (int64_t picture = 0; picture < 4; ++picture) {
    EXPECT_EQ(row(*embeddings, picture, 0), row(*alone, picture, 0));
    EXPECT_NE(row(*embeddings, picture, 1), row(*alone, picture, 0));
    EXPECT_NE(row(*embeddings, picture, 2), row(*embeddings, picture, 1));
  }
  // Kept or made anew, more of them or fewer, elsewhere.
  options.varied_copies = 1;
  options.cache = EmbeddingCache((folder_ / ".cache").string(), 1 << 20);
  for (int turn = 0; turn < 2; ++turn) {
    const auto again = Embed(backbone, one, options, pool);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(row(*again, 0, 0), row(*embeddings, 2, 0));
    EXPECT_EQ(row(*again, 0, 1), row(*embeddings, 2, 1));
  }
}

TEST(VariedCopies, BecomeFewerWithMorePictures) {
  EXPECT_EQ(VariedCopiesFor(5, 4), 4);
  EXPECT_EQ(VariedCopiesFor(400, 4), 4);
  EXPECT_EQ(VariedCopiesFor(500, 4), 3);
  EXPECT_EQ(VariedCopiesFor(1000, 4), 1);
  EXPECT_EQ(VariedCopiesFor(1001, 4), 0);
  EXPECT_EQ(VariedCopiesFor(100'000, 4), 0);
  EXPECT_EQ(VariedCopiesFor(40, 0), 0);
}

TEST_F(QuickTeachTest, CopiesTeachAndNeverJudge) {
  Rng rng(11);
  const std::array<int, 3> grey = {90, 90, 90};
  for (int i = 0; i < 6; ++i) {
    Draw("lessons/left/" + std::to_string(i) + ".png", grey, 9, 15, rng);
    Draw("lessons/right/" + std::to_string(i) + ".png", grey, 22, 15, rng);
  }
  const Model backbone = RandomBackbone();
  PictureSet lessons(*OpenDataset((folder_ / "lessons").string()), backbone.preprocessing);
  QuickTeachOptions options;
  const auto with = QuickTeach(backbone, lessons, options);
  options.varied_copies = 0;
  const auto without = QuickTeach(backbone, lessons, options);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_EQ(with->images, 12);
  EXPECT_EQ(with->views, 5);
  EXPECT_EQ(without->views, 1);
  EXPECT_FALSE(BitIdentical(std::get<Tensor>(with->model.layers.at("linear").weight),
                            std::get<Tensor>(without->model.layers.at("linear").weight)));
  EXPECT_EQ(with->held_out_images, without->held_out_images);
}

// The second teaching finds every picture in the cache and gives the same model.
TEST_F(QuickTeachTest, PicturesAreLookedAtOnce) {
  Rng rng(9);
  for (int i = 0; i < 12; ++i) {
    Draw("a/" + std::to_string(i) + ".png", {20, 20, 200}, 10, 10, rng);
    Draw("b/" + std::to_string(i) + ".png", {20, 180, 20}, 20, 12, rng);
  }
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenDataset(folder_.string()), backbone.preprocessing);
  QuickTeachOptions options;
  const std::string cache = (folder_ / ".cache").string();
  options.cache = EmbeddingCache(cache, 1 << 20);
  const auto first = QuickTeach(backbone, pictures, options);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(std::distance(fs::directory_iterator(cache), fs::directory_iterator()),
            24 * (1 + kVariedCopies));
  // A kept embedding is used and not made again: a changed one changes the model.
  const auto second = QuickTeach(backbone, pictures, options);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(BitIdentical(std::get<Tensor>(first->model.layers.at("linear").weight),
                           std::get<Tensor>(second->model.layers.at("linear").weight)));
  for (const auto& file : fs::directory_iterator(cache)) {
    EmbeddingCache(cache, 1 << 20)
        .Keep(file.path().filename().string(),
              {.size = {.height_px = 32, .width_px = 32},
               .values = std::vector<float>(16 + 32 + 64, static_cast<float>(rng.Below(9)))});
  }
  const auto third = QuickTeach(backbone, pictures, options);
  ASSERT_TRUE(third.ok());
  EXPECT_FALSE(BitIdentical(std::get<Tensor>(first->model.layers.at("linear").weight),
                            std::get<Tensor>(third->model.layers.at("linear").weight)));
}

// Pictures without the square among those with it: its place, and whether it is there.
TEST_F(QuickTeachTest, LearnsWhetherTheThingIsThereAtAll) {
  Rng rng(4);
  std::string points = "file,category,x_px,y_px,presence\n";
  for (int i = 0; i < 90; ++i) {
    const bool is_there = i % 3 != 0;
    const int x = is_there ? 4 + static_cast<int>(rng.Below(24)) : -100;
    const int y = 4 + static_cast<int>(rng.Below(24));
    const std::string name = std::to_string(i) + ".png";
    Draw(name, {60, 60, 60}, x, y, rng);
    points += name + ",tip," + (is_there ? std::to_string(x) + "," + std::to_string(y) : ",") +
              (is_there ? ",1\n" : ",0\n");
  }
  ASSERT_TRUE(WriteFileAtomically((folder_ / "points.csv").string(), points).ok());
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenPointDataset(folder_.string()), backbone.preprocessing);
  QuickTeachOptions options;
  options.task = Task::kLocate;
  const auto taught = QuickTeach(backbone, pictures, options);
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  EXPECT_TRUE(taught->model.tells_presence);
  EXPECT_EQ(taught->model.architecture.num_outputs, 3);
  EXPECT_EQ(taught->images, 60);
  EXPECT_GT(taught->held_out_presence_roc, 0.95);
  EXPECT_LT(taught->held_out_presence_fpr95, 0.2);

  const std::string path = (folder_ / "taught.safetensors").string();
  ASSERT_TRUE(SaveModel(path, taught->model).ok());
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->tells_presence);
  const auto evaluation = Evaluate(*loaded, pictures);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(evaluation->presence_where_marked.size(), 60u);
  EXPECT_EQ(evaluation->presence_where_absent.size(), 30u);
  double sum_marked = 0;
  double sum_absent = 0;
  for (const double presence : evaluation->presence_where_marked) sum_marked += presence;
  for (const double presence : evaluation->presence_where_absent) sum_absent += presence;
  EXPECT_GT(sum_marked / 60, 0.8);
  EXPECT_LT(sum_absent / 30, 0.2);
}

TEST_F(QuickTeachTest, RefusesTooFewPicturesWithoutTheThing) {
  Rng rng(5);
  std::string points = "file,x_px,y_px,presence\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = std::to_string(i) + ".png";
    Draw(name, {60, 60, 60}, 9, 9, rng);
    points += name + (i == 0 ? ",,,0\n" : ",9,9,1\n");
  }
  ASSERT_TRUE(WriteFileAtomically((folder_ / "points.csv").string(), points).ok());
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenPointDataset(folder_.string()), backbone.preprocessing);
  QuickTeachOptions options;
  options.task = Task::kLocate;
  const auto taught = QuickTeach(backbone, pictures, options);
  ASSERT_FALSE(taught.ok());
  EXPECT_NE(taught.error().message.find("that lack the thing to teach it, or none in "
                                        "the whole folder, found 1"),
            std::string::npos)
      << taught.error().message;
}

TEST_F(QuickTeachTest, RefusesAnEmptyCategory) {
  Rng rng(3);
  for (int i = 0; i < 6; ++i) Draw("some/" + std::to_string(i) + ".png", {0, 0, 0}, 9, 9, rng);
  fs::create_directories(folder_ / "none");
  const Model backbone = RandomBackbone();
  PictureSet pictures(*OpenDataset(folder_.string()), backbone.preprocessing);
  const auto taught = QuickTeach(backbone, pictures, {});
  ASSERT_FALSE(taught.ok());
  EXPECT_EQ(taught.error().code, ErrorCode::kInvalidData);
  EXPECT_NE(taught.error().message.find("\"none\""), std::string::npos);
}

}  // namespace
}  // namespace deixis
