#include "network/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/testing/compare.h"
#include "format/json.h"
#include "format/model_tensors.h"
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

TEST(BuildGraph, AFlattenHeadReadsTheLastMapItself) {
  Architecture architecture = *FindArchitecture("resnet50");
  architecture.num_outputs = 3;
  architecture.flattened_pixels = 12;
  const Graph graph = BuildGraph(architecture);
  EXPECT_EQ(FindNode(graph, "avgpool"), nullptr);
  const Node& head = graph.nodes.back();
  EXPECT_EQ(head.name, "fc");
  EXPECT_EQ(head.in_channels, 12 * 2048);
  EXPECT_EQ(graph.nodes.at(head.inputs[0] - 1).name, "layer4.2.relu3");
}

TEST(BuildGraph, APooledHeadReadsTheMeansOfSeveralStages) {
  Architecture architecture = *FindArchitecture("resnet50");
  TakeHeadShape({3, 512 + 1024 + 2048}, std::nullopt, architecture);
  EXPECT_EQ(architecture.pooled_stages, 3);
  EXPECT_EQ(architecture.flattened_pixels, 0);
  const Graph graph = BuildGraph(architecture);
  const Node& pool = *FindNode(graph, "avgpool");
  std::vector<std::string> maps;
  for (const int value : pool.inputs) maps.push_back(graph.nodes.at(value - 1).name);
  EXPECT_EQ(maps, (std::vector<std::string>{"layer2.3.relu3", "layer3.5.relu3", "layer4.2.relu3"}));
  EXPECT_EQ(pool.out_channels, 512 + 1024 + 2048);
  EXPECT_EQ(graph.nodes.back().in_channels, 512 + 1024 + 2048);
  TakeHeadShape({3, 2048}, std::nullopt, architecture);
  EXPECT_EQ(architecture.pooled_stages, 1);
}

TEST(BuildGraph, ASoftArgmaxHeadGivesEveryPixelItsRows) {
  Architecture architecture = *FindArchitecture("resnet18-c4");
  architecture.num_outputs = 6;
  architecture.num_attended = 2;
  const Graph graph = BuildGraph(architecture);
  EXPECT_EQ(FindNode(graph, "avgpool"), nullptr);
  const Node& head = *FindNode(graph, "fc");
  EXPECT_EQ(head.kind, OpKind::kConv2d);
  EXPECT_EQ(head.in_channels, 256);
  EXPECT_EQ(head.out_channels, 8);
  EXPECT_EQ(graph.nodes.at(head.inputs[0] - 1).name, "layer3.1.relu2");
  EXPECT_EQ(graph.nodes.back().kind, OpKind::kSoftArgmax);
  EXPECT_EQ(graph.nodes.back().out_channels, 6);
}

// [C, H, W], as torch.flatten has it: the head's only weight that is not 0 picks one number out.
TEST(Graph, AFlattenHeadCountsChannelsOutside) {
  Architecture architecture = *FindArchitecture("resnet20-cifar");
  architecture.flattened_pixels = 6;  // a map of 2x3 for pictures of 8x12
  TensorFile file = testing::SyntheticFile(architecture, 1, 5);
  for (NamedTensor& named : file.tensors) {
    if (named.name != "linear.weight" && named.name != "linear.bias") continue;
    std::vector<float> values(named.tensor.num_elements());
    if (named.name == "linear.weight")
      values[37 * 6 + 1 * 3 + 2] = 1;  // channel 37 of pixel (1, 2)
    named.tensor = Tensor::FromVector(named.tensor.shape(), std::move(values));
  }
  WriteModelMetadata({.architecture = "resnet20-cifar",
                      .class_names = {},
                      .preprocessing = {.height_px = 8, .width_px = 12},
                      .activations = {},
                      .provenance = {}},
                     file);
  const Result<Model> model = ModelFromTensors(file);
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::vector<Activation> values =
      Interpreter(*model, /*tracks_errors=*/false).Run(testing::SyntheticInput(8, 12, 6), 8, 12);
  const Activation& map = values[values.size() - 2];
  ASSERT_EQ(map.height, 2);
  ASSERT_EQ(map.width, 3);
  EXPECT_EQ(values.back().value[0], map.value[(1 * 3 + 2) * 64 + 37]);
}

TEST(LastMapOf, IsWhatTheGraphMakes) {
  for (const char* name : {"resnet18", "resnet20-cifar"}) {
    Architecture architecture = *FindArchitecture(name);
    architecture.num_outputs = 1;
    const Result<Model> model = ModelFromTensors(testing::SyntheticFile(architecture, 1, 1));
    ASSERT_TRUE(model.ok());
    for (const auto& [height, width] : {std::pair{33, 64}, {31, 65}, {7, 1}}) {
      const std::vector<Activation> values =
          Interpreter(*model, /*tracks_errors=*/false)
              .Run(testing::SyntheticInput(height, width, 1), height, width);
      const Activation& map = values[values.size() - 3];  // before the pool and the head
      EXPECT_EQ(LastMapOf(architecture, height, width),
                (MapExtents{.height = map.height, .width = map.width}))
          << name << " " << height << "x" << width;
      EXPECT_EQ(LastChannelsOf(architecture), map.channels);
    }
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

// The answer to a run of the golden file, by a network of that architecture.
void ExpectAsInPyTorch(const JsonValue& run, const Architecture& architecture) {
  const auto& expected = *run.Find("logits")->AsArray();
  const auto seed = static_cast<uint64_t>(*run.Find("seed")->AsInteger());
  const int64_t side_px = *run.Find("side_px")->AsInteger();
  const Result<Model> model = ModelFromTensors(
      testing::SyntheticFile(architecture, static_cast<int64_t>(expected.size()), seed));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const std::vector<Activation> values =
      Interpreter(*model, /*tracks_errors=*/false)
          .Run(testing::SyntheticInput(side_px, side_px, seed + 1), side_px, side_px);
  ASSERT_EQ(values.back().value.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(values.back().value[i], *expected[i].AsNumber(), 1e-8) << i;
  }
}

TEST(Graph, ASoftArgmaxHeadAnswersAsInPyTorch) {
  const JsonValue* run = Golden().Find("soft_argmax");
  ASSERT_NE(run, nullptr);
  Architecture architecture = *FindArchitecture(*run->Find("architecture")->AsString());
  architecture.num_attended = 2;
  ExpectAsInPyTorch(*run, architecture);
}

TEST(Graph, AHeadOnSeveralMapsAnswersAsInPyTorch) {
  const JsonValue* run = Golden().Find("pooled");
  ASSERT_NE(run, nullptr);
  Architecture architecture = *FindArchitecture(*run->Find("architecture")->AsString());
  architecture.pooled_stages = 3;
  ExpectAsInPyTorch(*run, architecture);
}

}  // namespace
}  // namespace deixis
