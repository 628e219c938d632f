#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/architecture.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SyntheticStateDict;

std::vector<NamedTensor> TensorsOf(const char* name, int64_t num_outputs = 10) {
  return SyntheticStateDict(*FindArchitecture(name), num_outputs, 1);
}

void Rename(std::vector<NamedTensor>& tensors, const std::string& from, const std::string& to) {
  for (NamedTensor& named : tensors) {
    if (named.name == from) named.name = to;
  }
}

std::string MessageOf(const std::vector<NamedTensor>& tensors) {
  const Result<Architecture> recognized = RecognizeArchitecture(tensors);
  return recognized.ok() ? "recognised as " + recognized->name : recognized.error().message;
}

TEST(RecognizeArchitecture, KnowsEachByItsTensors) {
  for (const Architecture& known : KnownArchitectures()) {
    // The deepest ones have 60 million weights: shapes are what counts.
    if (known.name == "resnet101" || known.name == "resnet152") continue;
    const Result<Architecture> recognized = RecognizeArchitecture(SyntheticStateDict(known, 7, 1));
    ASSERT_TRUE(recognized.ok()) << known.name << ": " << recognized.error().message;
    EXPECT_EQ(recognized->name, known.name);
    EXPECT_EQ(recognized->num_outputs, 7);
  }
}

TEST(RecognizeArchitecture, OrderDoesNotMatter) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar");
  Rng rng(5);
  rng.Shuffle(tensors);
  EXPECT_EQ(MessageOf(tensors), "recognised as resnet20-cifar");
}

TEST(RecognizeArchitecture, DoesWithoutCountsOfBatches) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar");
  std::erase_if(tensors, [](const NamedTensor& named) {
    return named.name.ends_with("num_batches_tracked");
  });
  EXPECT_EQ(MessageOf(tensors), "recognised as resnet20-cifar");
}

TEST(RecognizeArchitecture, HeadMayHaveAnyNumberOfRowsButNone) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet18", 1);
  EXPECT_EQ(RecognizeArchitecture(tensors)->num_outputs, 1);
  EXPECT_THAT(MessageOf(TensorsOf("resnet20-cifar", 0)), HasSubstr("\"linear.weight\""));
}

TEST(RecognizeArchitecture, AHeadOnEveryPixelIsTheSameNetwork) {
  Architecture flatten = *FindArchitecture("resnet18");
  flatten.flattened_pixels = 49;
  const Result<Architecture> recognized = RecognizeArchitecture(SyntheticStateDict(flatten, 6, 1));
  ASSERT_TRUE(recognized.ok()) << recognized.error().message;
  EXPECT_EQ(recognized->name, "resnet18");
  EXPECT_EQ(recognized->num_outputs, 6);
  EXPECT_EQ(recognized->flattened_pixels, 49);
  EXPECT_EQ(RecognizeArchitecture(TensorsOf("resnet18"))->flattened_pixels, 0);
}

TEST(RecognizeArchitecture, AHeadOnTheMeansOfSeveralMapsIsTheSameNetwork) {
  for (const char* name : {"resnet18", "resnet50-c4", "resnet20-cifar"}) {
    Architecture pooled = *FindArchitecture(name);
    for (pooled.pooled_stages = 1; pooled.pooled_stages <= 3; ++pooled.pooled_stages) {
      const auto recognized = RecognizeArchitecture(SyntheticStateDict(pooled, 6, 1));
      ASSERT_TRUE(recognized.ok()) << recognized.error().message;
      EXPECT_EQ(recognized->name, name);
      EXPECT_EQ(recognized->pooled_stages, pooled.pooled_stages);
      EXPECT_EQ(recognized->num_outputs, 6);
    }
  }
}

TEST(RecognizeArchitecture, AConvolutionForAHeadIsASoftArgmax) {
  const auto recognize = [](int64_t num_outputs, int64_t num_attended) {
    Architecture architecture = *FindArchitecture("resnet34-c4");
    architecture.num_attended = num_attended;
    return RecognizeArchitecture(SyntheticStateDict(architecture, num_outputs, 1));
  };
  const Result<Architecture> places = recognize(4, 2);
  ASSERT_TRUE(places.ok()) << places.error().message;
  EXPECT_EQ(places->name, "resnet34-c4");
  EXPECT_EQ(places->num_outputs, 4);
  EXPECT_EQ(places->num_attended, 2);
  EXPECT_EQ(recognize(6, 2)->num_outputs, 6);  // with presence: eight rows, which three divide not
  EXPECT_EQ(recognize(6, 2)->num_attended, 2);
  EXPECT_EQ(recognize(9, 3)->num_outputs, 8);  // twelve rows may be either
  EXPECT_THAT(recognize(6, 1).error().message, HasSubstr("fc.weight"));  // seven are neither
}

TEST(RecognizeArchitecture, WithoutItsLastStageItIsANetworkOfItsOwn) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet50-c4");
  EXPECT_EQ(MessageOf(tensors), "recognised as resnet50-c4");
  EXPECT_EQ(WithoutLayer4(*FindArchitecture("resnet50"))->name, "resnet50-c4");
  EXPECT_EQ(WithoutLayer4(*FindArchitecture("resnet20-cifar")), nullptr);
}

TEST(RecognizeArchitecture, AHeadReadsWholePixels) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar", 2);
  for (NamedTensor& named : tensors) {
    if (named.name != "linear.weight") continue;
    named.tensor = Tensor::FromVector<float>({2, 100}, std::vector<float>(200));
  }
  EXPECT_THAT(MessageOf(tensors), HasSubstr("\"linear.weight\": expected [2, 64], found [2, 100]"));
}

TEST(RecognizeArchitecture, HeadsWeightAndBiasMustAgree) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar");
  tensors.back().tensor = Tensor::FromVector<float>({9}, std::vector<float>(9, 0.0f));
  EXPECT_THAT(MessageOf(tensors), AllOf(HasSubstr("nearest is resnet20-cifar"),
                                        HasSubstr("differs in 1: \"linear.bias\": expected [10], "
                                                  "found [9]")));
}

TEST(RecognizeArchitecture, NamesWhatIsMissingUnexpectedAndOfAnotherShape) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet34");
  Rename(tensors, "layer3.4.conv2.weight", "layer3.4.conv2.kernel");
  for (NamedTensor& named : tensors) {
    if (named.name != "bn1.bias") continue;
    named.tensor = Tensor::FromVector<float>({63}, std::vector<float>(63, 0.0f));
  }
  EXPECT_THAT(MessageOf(tensors),
              AllOf(HasSubstr("nearest is resnet34, which differs in 3: "),
                    HasSubstr("\"bn1.bias\": expected [64], found [63]"),
                    HasSubstr("missing \"layer3.4.conv2.weight\" [256, 256, 3, 3]"),
                    HasSubstr("unexpected \"layer3.4.conv2.kernel\" [256, 256, 3, 3]")));
}

TEST(RecognizeArchitecture, ShowsOnlyTheFirstFewOfManyDifferences) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar");
  std::erase_if(tensors,
                [](const NamedTensor& named) { return named.name.starts_with("layer2."); });
  EXPECT_THAT(MessageOf(tensors), AllOf(HasSubstr("nearest is resnet20-cifar, which differs in 30"),
                                        HasSubstr("; and 25 more"), Not(HasSubstr("layer2.2."))));
}

TEST(RecognizeArchitecture, HeadInsideASequentialIsShownForWhatItIs) {
  std::vector<NamedTensor> tensors = TensorsOf("resnet18");
  Rename(tensors, "fc.weight", "fc.1.weight");
  Rename(tensors, "fc.bias", "fc.1.bias");
  EXPECT_THAT(MessageOf(tensors),
              HasSubstr("differs in 4: missing \"fc.weight\"; missing \"fc.bias\"; unexpected "
                        "\"fc.1.weight\" [10, 512]; unexpected \"fc.1.bias\" [10]"));
}

TEST(RecognizeArchitecture, SomethingElseAltogether) {
  const Tensor tensor = Tensor::FromVector<float>({2, 3}, std::vector<float>(6));
  const Result<Architecture> recognized =
      RecognizeArchitecture({{"features.0.weight", tensor}, {"classifier.weight", tensor}});
  ASSERT_FALSE(recognized.ok());
  EXPECT_EQ(recognized.error().code, ErrorCode::kInvalidData);
  EXPECT_EQ(recognized.error().message,
            "expected the tensors of a ResNet, found 2 tensors of which none has a name and shape "
            "of one: \"features.0.weight\" [2, 3], \"classifier.weight\" [2, 3]");
  EXPECT_THAT(recognized.error().remedy, HasSubstr("resnet18"));
}

TEST(RecognizeArchitecture, NothingAndTheSameTwice) {
  EXPECT_THAT(MessageOf({}), HasSubstr("no tensor at all"));
  std::vector<NamedTensor> tensors = TensorsOf("resnet20-cifar");
  tensors.push_back(tensors.front());
  EXPECT_THAT(MessageOf(tensors), HasSubstr("\"conv1.weight\" is there twice"));
}

}  // namespace
}  // namespace deixis
