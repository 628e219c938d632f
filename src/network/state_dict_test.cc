#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/model.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using testing::SyntheticStateDict;

Tensor Scalar(float value) { return Tensor::FromVector<float>({1}, {value}); }

// A small network's tensors, every name with `prefix` before it; the weights depend on `seed`.
void Append(std::vector<NamedTensor>& tensors, const std::string& prefix, uint64_t seed = 1) {
  for (NamedTensor& named : SyntheticStateDict(*FindArchitecture("resnet20-cifar"), 10, seed)) {
    tensors.push_back({prefix + named.name, named.tensor});
  }
}

std::vector<std::string> NamesOf(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& named : tensors) names.push_back(named.name);
  return names;
}

void ExpectNetwork(const TensorFile& file, uint64_t seed = 1) {
  std::vector<NamedTensor> expected;
  Append(expected, "", seed);
  const std::vector<NamedTensor> found = StateDictOf(file);
  ASSERT_EQ(NamesOf(found), NamesOf(expected));
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(BitIdentical(found[i].tensor, expected[i].tensor)) << found[i].name;
  }
}

class Prefixes : public ::testing::TestWithParam<const char*> {};

TEST_P(Prefixes, AreTakenOff) {
  TensorFile file;
  Append(file.tensors, GetParam());
  ExpectNetwork(file);
}

INSTANTIATE_TEST_SUITE_P(StateDictOf, Prefixes,
                         ::testing::Values("", "module.", "model.", "state_dict/", "model/",
                                           "state_dict/module.", "model_state_dict/",
                                           "net/state_dict/", "module.model.backbone.",
                                           "checkpoint/model/module.encoder_q."));

TEST(StateDictOf, LeavesOptimiserAndLossOut) {
  TensorFile file;
  file.tensors.push_back({"epoch", Scalar(3)});
  for (int i = 0; i < 300; ++i) {
    file.tensors.push_back({"optimizer/state/" + std::to_string(i) + "/exp_avg", Scalar(0)});
  }
  Append(file.tensors, "state_dict/model.");
  file.tensors.push_back({"state_dict/loss.weight", Scalar(1)});
  ExpectNetwork(file);
}

TEST(StateDictOf, TakesTheFirstOfTwoCopies) {
  TensorFile file;
  Append(file.tensors, "state_dict/", 1);
  Append(file.tensors, "state_dict_ema/", 2);
  ExpectNetwork(file, 1);
}

TEST(StateDictOf, TakesTheCopyThatIsWhole) {
  TensorFile file;
  Append(file.tensors, "old/", 2);
  file.tensors.resize(40);
  Append(file.tensors, "new/", 1);
  ExpectNetwork(file, 1);
}

TEST(StateDictOf, WithoutAKnownNameTakesTheDictThatHoldsMost) {
  TensorFile file;
  file.tensors = {{"meta/a", Scalar(1)},
                  {"state_dict/module.features.0.weight", Scalar(2)},
                  {"state_dict/module.features.1.weight", Scalar(3)},
                  {"meta/inner/b", Scalar(4)}};
  EXPECT_THAT(NamesOf(StateDictOf(file)), ElementsAre("features.0.weight", "features.1.weight"));
}

TEST(StateDictOf, LeavesScatteredTensorsAsTheyAreNamed) {
  TensorFile file;
  file.tensors = {{"layer1.0.conv1/centroids", Scalar(1)},
                  {"layer1.0.conv2/centroids", Scalar(2)},
                  {"layer1.1.conv1/centroids", Scalar(3)}};
  EXPECT_EQ(StateDictOf(file).size(), 3u);
}

TEST(StateDictOf, NothingInNothingOut) { EXPECT_TRUE(StateDictOf(TensorFile()).empty()); }

}  // namespace
}  // namespace deixis
