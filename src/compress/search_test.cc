// Plans for a size and for a loss of accuracy, on a small network with made-up weights and pictures
// of noise; and on a published network when DEIXIS_DATA names the real data.
#include "compress/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/rng.h"
#include "compress/activation_rounding.h"
#include "compress/plan_size.h"
#include "compress/segments.h"
#include "compress/sensitivity.h"
#include "format/safetensors.h"
#include "network/testing/synthetic.h"
#include "vision/image.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

Model SmallModel() {
  for (const Architecture& architecture : KnownArchitectures()) {
    if (architecture.name != "resnet20-cifar") continue;
    Result<Model> model = ModelFromTensors(testing::SyntheticFile(architecture, 10, 1));
    EXPECT_TRUE(model.ok()) << model.error().message;
    return std::move(model).value();
  }
  ADD_FAILURE() << "resnet20-cifar is not known";
  return {};
}

// Ten pictures of noise in a folder that goes away with the test.
class NoisePictures {
 public:
  explicit NoisePictures(const Preprocessing& preprocessing)
      : folder_(::testing::TempDir() + "/deixis_search_test_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
    Rng rng(5);
    Dataset dataset;
    dataset.folder = folder_;
    dataset.num_classes = 10;
    for (int i = 0; i < 10; ++i) {
      Image image{32, 32, std::vector<uint8_t>(32 * 32 * 3)};
      for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(rng.Below(256));
      Sample sample;
      sample.path = folder_ + "/" + std::to_string(i) + ".png";
      sample.label = i;
      EXPECT_TRUE(WritePng(sample.path, image).ok());
      dataset.samples.push_back(std::move(sample));
    }
    set_.emplace(std::move(dataset), preprocessing);
  }
  ~NoisePictures() { std::filesystem::remove_all(folder_); }
  PictureSet& set() { return *set_; }

 private:
  std::string folder_;
  std::optional<PictureSet> set_;
};

int64_t SavedBytes(const Model& model) {
  const std::string path = ::testing::TempDir() + "/deixis_search_test_" +
                           ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                           ".safetensors";
  EXPECT_TRUE(SaveModel(path, model).ok());
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path));
  std::filesystem::remove(path);
  return bytes;
}

TEST(ActivationBytesTest, IsABoundAndNearlyTight) {
  for (const char* name : {"resnet20-cifar", "resnet18", "resnet50"}) {
    Model model = *ModelFromTensors(testing::SyntheticFile(*FindArchitecture(name), 10, 1));
    const int64_t without = SafetensorsBytes(ModelToTensors(model));
    for (const Segment& segment : PlanSegments(model.graph)) {
      const std::string value = ActivationName(model.graph, segment);
      if (value.empty()) continue;
      model.activations[value] = {.scale = 0.000123456789f, .zero_point = 255};
    }
    const int64_t more = SafetensorsBytes(ModelToTensors(model)) - without;
    // The header is padded to a multiple of 64.
    EXPECT_LE(more, ActivationBytes(model.graph) + 63) << name;
    EXPECT_GE(more, 0.8 * static_cast<double>(ActivationBytes(model.graph)) - 63) << name;
  }
}

TEST(FileBytesTest, IsWhatTheSavedFileTakes) {
  const Model model = SmallModel();
  for (const Granularity granularity :
       {Granularity::kRow, Granularity::kGroup, Granularity::kTensor}) {
    CompressOptions options;
    options.granularity = granularity;
    options.layers = "layer[12].*|linear";
    std::vector<LayerPlan> plan = *MakePlan(model, options);
    for (size_t l = 0; l < plan.size(); ++l) plan[l].num_centroids = 2 << (l % 7);
    const CompressedModel compressed = *CompressByPlan(model, plan, nullptr, options);
    EXPECT_EQ(*FileBytes(model, plan, options.codebook_dtype), SavedBytes(compressed.model));
    for (size_t l = 0; l < plan.size(); ++l) {
      EXPECT_EQ(*LayerBytes(model, plan[l], options.codebook_dtype),
                compressed.layers[l].bytes_after);
    }
  }
}

TEST(MeasureLayerOptionsTest, MoreCentroidsTakeMoreBytesAndDamageLess) {
  const Model model = SmallModel();
  NoisePictures pictures(model.preprocessing);
  CompressOptions some;
  some.layers = "conv1|layer2.*|linear";
  const std::vector<LayerPlan> plan = *MakePlan(model, some);
  for (PictureSet* set : {static_cast<PictureSet*>(nullptr), &pictures.set()}) {
    const std::vector<LayerOptions> layers = *MeasureLayerOptions(model, plan, set, {}, {});
    ASSERT_EQ(layers.size(), plan.size());
    for (const LayerOptions& options : layers) {
      ASSERT_EQ(options.size(), 8u);
      EXPECT_GT(options[0].damage, 0);
      for (size_t o = 1; o < options.size(); ++o) {
        EXPECT_GT(options[o].num_bytes, options[o - 1].num_bytes);
        EXPECT_LT(options[o].damage, options[o - 1].damage);
      }
    }
  }
}

TEST(MeasureLayerOptionsTest, ThreadsDoNotChangeTheAnswer) {
  const Model model = SmallModel();
  NoisePictures pictures(model.preprocessing);
  CompressOptions some;
  some.layers = "conv1|layer3.0.*|linear";
  const std::vector<LayerPlan> plan = *MakePlan(model, some);
  CompressOptions options;
  const std::vector<LayerOptions> one =
      *MeasureLayerOptions(model, plan, &pictures.set(), options, {});
  options.num_threads = 3;
  const std::vector<LayerOptions> three =
      *MeasureLayerOptions(model, plan, &pictures.set(), options, {});
  for (size_t l = 0; l < plan.size(); ++l) {
    for (size_t o = 0; o < one[l].size(); ++o) EXPECT_EQ(one[l][o].damage, three[l][o].damage);
  }
}

TEST(MeasureLayerOptionsTest, RefusesOddLists) {
  const Model model = SmallModel();
  const std::vector<LayerPlan> plan = *MakePlan(model, {});
  for (const std::vector<int>& centroids : {std::vector<int>{}, {1, 2}, {2, 257}, {4, 4}, {8, 4}}) {
    SensitivityOptions options;
    options.centroids = centroids;
    EXPECT_EQ(MeasureLayerOptions(model, plan, nullptr, {}, options).error().code,
              ErrorCode::kUsage);
  }
}

TEST(PlanForBytesTest, LandsWithinThreePercentBelowTheTarget) {
  const Model model = SmallModel();
  NoisePictures pictures(model.preprocessing);
  const CompressOptions options;
  const std::vector<std::pair<PictureSet*, int64_t>> cases = {
      {nullptr, 90'000}, {nullptr, 150'000}, {&pictures.set(), 120'000}};
  for (const auto& [set, target] : cases) {
    const Result<std::vector<LayerPlan>> plan = PlanForBytes(model, set, target, options);
    ASSERT_TRUE(plan.ok()) << plan.error().message;
    const CompressedModel compressed = *CompressByPlan(model, *plan, nullptr, options);
    const int64_t bytes = SavedBytes(compressed.model);
    EXPECT_LE(bytes, target);
    EXPECT_GE(static_cast<double>(bytes), 0.97 * static_cast<double>(target));
  }
}

// The header of the file grows with the sizes it names, by steps that no target may fall between.
TEST(PlanForBytesTest, EveryTargetIsMet) {
  const Model model = SmallModel();
  CompressOptions options;
  options.layers = "layer3.*|linear";
  for (int64_t target = 350'000; target < 350'128; target += 24) {
    SearchOptions search;
    search.reserved_bytes = 0;
    search.centroids = {2, 4, 16};
    const Result<std::vector<LayerPlan>> plan =
        PlanForBytes(model, nullptr, target, options, search);
    ASSERT_TRUE(plan.ok());
    const int64_t bytes = *FileBytes(model, *plan, options.codebook_dtype);
    EXPECT_LE(bytes, target);
    EXPECT_GE(static_cast<double>(bytes), 0.97 * static_cast<double>(target));
  }
}

TEST(PlanForBytesTest, SaysWhatTheSmallestFileTakes) {
  const Result<std::vector<LayerPlan>> plan = PlanForBytes(SmallModel(), nullptr, 10'000, {});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::kUsage);
  EXPECT_THAT(plan.error().message, HasSubstr("target of 10000 bytes"));
}

TEST(PlanForBytesTest, StopsWhenAsked) {
  CompressOptions options;
  options.progress = [](const CompressProgress&) { return false; };
  EXPECT_EQ(PlanForBytes(SmallModel(), nullptr, 100'000, options).error().code,
            ErrorCode::kInterrupted);
}

TEST(CompressWithinDropTest, KeepsTheLossWithinTheLimit) {
  const Model model = SmallModel();
  NoisePictures pictures(model.preprocessing);
  CompressOptions options;
  options.calibration.error_feedback = false;
  SearchOptions search;
  search.max_trials = 3;
  double last_fraction = 0;
  options.progress = [&](const CompressProgress& progress) {
    EXPECT_GE(progress.fraction, last_fraction - 1e-9);
    EXPECT_LE(progress.fraction, 1.0);
    last_fraction = progress.fraction;
    return true;
  };
  // Ten points are one picture of the ten.
  const Result<SearchOutcome> outcome =
      CompressWithinDrop(model, pictures.set(), 10, options, search);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_GE(outcome->top1_after, outcome->top1_before - 0.1 - 1e-9);
  EXPECT_EQ(outcome->file_bytes, SavedBytes(outcome->compressed.model));
  EXPECT_FALSE(outcome->trials.empty());
  EXPECT_LE(outcome->trials.size(), 3u);
  for (const SearchTrial& trial : outcome->trials) {
    if (trial.top1 < outcome->top1_before - 0.1) continue;
    EXPECT_GE(trial.file_bytes, outcome->file_bytes);
  }
}

TEST(CompressWithinDropTest, RefusesWhatItCannotJudge) {
  Model model = SmallModel();
  NoisePictures pictures(model.preprocessing);
  EXPECT_EQ(CompressWithinDrop(model, pictures.set(), -1, {}).error().code, ErrorCode::kUsage);
  model.task = Task::kLocate;
  EXPECT_EQ(CompressWithinDrop(model, pictures.set(), 1, {}).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace deixis
