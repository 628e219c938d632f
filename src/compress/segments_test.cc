#include "compress/segments.h"

#include <gtest/gtest.h>

#include <set>

namespace deixis {
namespace {

std::vector<std::string> LayerOrder(const Graph& graph) {
  std::vector<std::string> names;
  for (const Segment& segment : PlanSegments(graph)) {
    if (segment.layer >= 0) names.push_back(graph.nodes[segment.layer].name);
  }
  return names;
}

TEST(SegmentsTest, EveryNodeOnceAndEveryValueKeptBeforeItIsRead) {
  for (const Architecture& known : KnownArchitectures()) {
    Architecture architecture = known;
    architecture.num_outputs = 10;
    const Graph graph = BuildGraph(architecture);
    std::set<int> nodes;
    std::set<int> kept = {0};
    for (const Segment& segment : PlanSegments(graph)) {
      EXPECT_TRUE(kept.contains(segment.input)) << architecture.name;
      int value = segment.input;
      if (segment.layer >= 0) {
        EXPECT_TRUE(nodes.insert(segment.layer).second);
        value = segment.layer + 1;
      }
      for (const int node : segment.tail) {
        EXPECT_TRUE(nodes.insert(node).second);
        for (const int input : graph.nodes[node].inputs) {
          EXPECT_TRUE(input == value || kept.contains(input)) << graph.nodes[node].name;
        }
        value = node + 1;
      }
      EXPECT_EQ(value, segment.output);
      kept.insert(segment.output);
    }
    EXPECT_EQ(nodes.size(), graph.nodes.size()) << architecture.name;
  }
}

TEST(SegmentsTest, AShortcutIsReadyBeforeItsSumIsFinished) {
  Architecture architecture = *FindArchitecture("resnet18");
  architecture.num_outputs = 10;
  const Graph graph = BuildGraph(architecture);
  const std::vector<std::string> order = LayerOrder(graph);
  const auto place = [&](const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  EXPECT_LT(place("layer2.0.downsample.0"), place("layer2.0.conv2"));
  for (const Segment& segment : PlanSegments(graph)) {
    if (segment.layer < 0 || graph.nodes[segment.layer].name != "layer2.0.conv2") continue;
    ASSERT_EQ(segment.tail.size(), 3u);  // batch norm, sum, ReLU
    EXPECT_EQ(graph.nodes[segment.tail[1]].kind, OpKind::kAdd);
  }
}

TEST(SegmentsTest, ExtentsOfResNet18) {
  Architecture architecture = *FindArchitecture("resnet18");
  architecture.num_outputs = 1000;
  const Graph graph = BuildGraph(architecture);
  const std::vector<ValueExtents> extents = ExtentsOfValues(graph, 224, 224);
  EXPECT_EQ(extents[1].height, 112);
  EXPECT_EQ(extents[1].channels, 64);
  EXPECT_EQ(extents.back().channels, 1000);
  EXPECT_EQ(extents.back().height, 1);
  // In the first stage the block's input, its inner value and its output, 56 x 56 x 64 each.
  EXPECT_EQ(PeakBytesPerPicture(graph, PlanSegments(graph), extents), 3 * 56 * 56 * 64 * 4);
}

}  // namespace
}  // namespace deixis
