#include "network/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <set>

#include "base/file.h"
#include "base/testing/compare.h"
#include "format/json.h"
#include "network/model.h"
#include "network/testing/interpreter.h"
#include "network/testing/synthetic.h"

namespace deixis {
namespace {

using testing::Activation;
using ::testing::ElementsAre;
using testing::Interpreter;

// tests/golden/network/networks.json, made by PyTorch.
const JsonValue& Golden() {
  static const JsonValue golden = [] {
    const Result<std::string> text =
        ReadTextFile(DEIXIS_SOURCE_DIR "/tests/golden/network/networks.json");
    if (!text.ok()) return JsonValue();
    Result<JsonValue> parsed = ParseJson(*text);
    return parsed.ok() ? *std::move(parsed) : JsonValue();
  }();
  return golden;
}

// FNV-1a of one line per tensor: name and shape.
std::string ListingDigest(const Architecture& architecture) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const ParameterSpec& parameter : ParametersOf(BuildGraph(architecture))) {
    for (const char c : parameter.name + " " + ToString(parameter.shape) + "\n") {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    }
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, hash);
  return text;
}

TEST(ParametersOf, AreThoseOfPyTorchInItsOrder) {
  const JsonValue* listings = Golden().Find("listings");
  ASSERT_NE(listings, nullptr);
  for (Architecture architecture : KnownArchitectures()) {
    architecture.num_outputs = *Golden().Find("outputs")->AsInteger();
    const JsonValue* expected = listings->Find(architecture.name);
    ASSERT_NE(expected, nullptr) << architecture.name;
    EXPECT_EQ(ListingDigest(architecture), *expected->AsString()) << architecture.name;
  }
  EXPECT_EQ(listings->AsObject()->size(), KnownArchitectures().size());
}

TEST(BuildGraph, EveryValueIsMadeBeforeItIsUsedAndChannelsFit) {
  for (Architecture architecture : KnownArchitectures()) {
    architecture.num_outputs = 3;
    const Graph graph = BuildGraph(architecture);
    std::vector<int64_t> channels = {3};
    std::set<std::string> names;
    for (const Node& node : graph.nodes) {
      for (const int input : node.inputs) {
        ASSERT_LT(input, static_cast<int>(channels.size())) << node.name;
        EXPECT_EQ(channels[input],
                  node.kind == OpKind::kAdd ? node.out_channels : node.in_channels);
      }
      EXPECT_EQ(node.inputs.size(), node.kind == OpKind::kAdd ? 2u : 1u);
      EXPECT_TRUE(names.insert(node.name).second) << node.name << " twice";
      channels.push_back(node.out_channels);
    }
    EXPECT_EQ(graph.nodes.back().kind, OpKind::kLinear);
    EXPECT_EQ(channels.back(), 3);
  }
}

TEST(BatchNormAfter, IsTheOneThatReadsTheConvolution) {
  Architecture architecture = *FindArchitecture("resnet50");
  architecture.num_outputs = 2;
  const Graph graph = BuildGraph(architecture);
  EXPECT_EQ(BatchNormAfter(graph, *FindNode(graph, "conv1"))->name, "bn1");
  EXPECT_EQ(BatchNormAfter(graph, *FindNode(graph, "layer3.5.conv3"))->name, "layer3.5.bn3");
  EXPECT_EQ(BatchNormAfter(graph, *FindNode(graph, "layer2.0.downsample.0"))->name,
            "layer2.0.downsample.1");
  EXPECT_EQ(BatchNormAfter(graph, *FindNode(graph, "fc")), nullptr);
  EXPECT_EQ(FindNode(graph, "layer5.0.conv1"), nullptr);
}

// The graph, evaluated in float64 by plain loops, gives the logits that PyTorch gives in float64.
// The bound is that of float32 arithmetic, scaled from its roundoff to float64's.
TEST(Graph, GivesPyTorchsLogits) {
  constexpr double kDoubleOverFloatRoundoff = 0x1.0p-29;
  const JsonValue* runs = Golden().Find("runs");
  ASSERT_NE(runs, nullptr);
  for (const JsonValue& run : *runs->AsArray()) {
    const std::string name = *run.Find("architecture")->AsString();
    const auto seed = static_cast<uint64_t>(*run.Find("seed")->AsInteger());
    const int64_t side_px = *run.Find("side_px")->AsInteger();
    const int64_t num_outputs = *Golden().Find("outputs")->AsInteger();
    const Result<Model> model =
        ModelFromTensors(testing::SyntheticFile(*FindArchitecture(name), num_outputs, seed));
    ASSERT_TRUE(model.ok()) << name;
    const std::vector<float> input = testing::SyntheticInput(side_px, side_px, seed + 1);
    const Activation logits =
        Interpreter(*model, /*tracks_errors=*/true).Run(input, side_px, side_px).back();
    std::vector<double> expected;
    for (const JsonValue& value : *run.Find("logits")->AsArray()) {
      expected.push_back(*value.AsNumber());
    }
    std::vector<double> bound = Interpreter::BoundOf(logits);
    for (double& b : bound) b *= kDoubleOverFloatRoundoff;
    const auto wrong = testing::FirstOutOfBound<double, double>(logits.value, expected, bound);
    EXPECT_FALSE(wrong) << name << ": " << wrong.value_or("");
    // A bound that any logits would meet proves nothing.
    for (size_t i = 0; i < bound.size(); ++i) {
      EXPECT_LT(bound[i], 1e-6 * (1 + std::abs(expected[i]))) << name;
    }
  }
}

}  // namespace
}  // namespace deixis
