#include "compress/segments.h"

#include <algorithm>

namespace deixis {
namespace {

bool IsLayer(const Node& node) {
  return node.kind == OpKind::kConv2d || node.kind == OpKind::kLinear;
}

class SegmentPlanner {
 public:
  explicit SegmentPlanner(const Graph& graph)
      : graph_(graph), consumers_(graph.nodes.size() + 1), done_(graph.nodes.size(), false) {
    for (size_t node = 0; node < graph.nodes.size(); ++node) {
      for (const int value : graph.nodes[node].inputs) {
        consumers_[value].push_back(static_cast<int>(node));
      }
    }
  }

  std::vector<Segment> Plan() {
    for (size_t node = 0; node < graph_.nodes.size(); ++node) Visit(static_cast<int>(node));
    return std::move(segments_);
  }

 private:
  bool Available(int value) const { return value == 0 || done_[value - 1]; }

  // Makes the segment that starts at `start`, unless it is part of one already. Its input is
  // available: nodes are visited in execution order.
  void Visit(int start) {
    if (done_[start]) return;
    const Node& first = graph_.nodes[start];
    Segment segment;
    segment.input = first.inputs.front();
    if (IsLayer(first)) {
      segment.layer = start;
    } else {
      segment.tail.push_back(start);
    }
    done_[start] = true;
    int value = start + 1;
    while (consumers_[value].size() == 1) {
      const int next = consumers_[value].front();
      const Node& node = graph_.nodes[next];
      if (IsLayer(node) || node.kind == OpKind::kSubsamplePad ||
          node.kind == OpKind::kGlobalAveragePool) {
        break;
      }
      if (node.kind == OpKind::kAdd && !MakeAvailable(OtherOperand(node, value))) break;
      segment.tail.push_back(next);
      done_[next] = true;
      value = next + 1;
    }
    segment.output = value;
    segments_.push_back(std::move(segment));
  }

  static int OtherOperand(const Node& add, int value) {
    return add.inputs[0] == value ? add.inputs[1] : add.inputs[0];
  }

  // True when the other operand of a sum is kept. The main path asks for its shortcut to be
  // planned; a shortcut never asks for the main path, which is still unfinished then.
  bool MakeAvailable(int value) {
    if (in_shortcut_) return false;
    in_shortcut_ = true;
    VisitAncestors(value);
    in_shortcut_ = false;
    return Available(value);
  }

  void VisitAncestors(int value) {
    if (Available(value)) return;
    const Node& node = graph_.nodes[value - 1];
    for (const int input : node.inputs) VisitAncestors(input);
    Visit(value - 1);
  }

  const Graph& graph_;
  std::vector<std::vector<int>> consumers_;  // by value: nodes
  std::vector<bool> done_;                   // by node
  std::vector<Segment> segments_;
  bool in_shortcut_ = false;
};

// The values that a segment reads beside its input.
std::vector<int> ValuesRead(const Graph& graph, const Segment& segment) {
  std::vector<int> values = {segment.input};
  int value = segment.layer >= 0 ? segment.layer + 1 : segment.input;
  for (const int node : segment.tail) {
    for (const int input : graph.nodes[node].inputs) {
      if (input != value) values.push_back(input);
    }
    value = node + 1;
  }
  return values;
}

}  // namespace

std::vector<Segment> PlanSegments(const Graph& graph) { return SegmentPlanner(graph).Plan(); }

std::vector<ValueExtents> ExtentsOfValues(const Graph& graph, int64_t height, int64_t width) {
  std::vector<ValueExtents> extents = {{height, width, 3}};
  for (const Node& node : graph.nodes) {
    ValueExtents value = extents[node.inputs.front()];
    switch (node.kind) {
      case OpKind::kConv2d:
      case OpKind::kMaxPool: {
        const auto shrink = [&](int64_t extent) {
          return (extent + 2 * node.padding - node.filter_size) / node.stride + 1;
        };
        value.height = shrink(value.height);
        value.width = shrink(value.width);
        value.channels = node.out_channels;
        break;
      }
      case OpKind::kGlobalAveragePool:
      case OpKind::kLinear:
      case OpKind::kSoftArgmax:
        value = {.height = 1, .width = 1, .channels = node.out_channels};
        break;
      case OpKind::kSubsamplePad:
        value.height = (value.height + node.stride - 1) / node.stride;
        value.width = (value.width + node.stride - 1) / node.stride;
        value.channels = node.out_channels;
        break;
      case OpKind::kBatchNorm:
      case OpKind::kRelu:
      case OpKind::kAdd:
        break;
    }
    extents.push_back(value);
  }
  return extents;
}

Conv2dShape LayerShapeOf(const Node& layer, const ValueExtents& input) {
  Conv2dShape shape{.in_channels = input.channels,
                    .out_channels = layer.out_channels,
                    .filter_height = input.height,
                    .filter_width = input.width};
  if (layer.kind == OpKind::kLinear) return shape;
  shape.filter_height = shape.filter_width = layer.filter_size;
  shape.stride = layer.stride;
  shape.padding = layer.padding;
  return shape;
}

std::vector<std::vector<int>> LastUses(const Graph& graph, const std::vector<Segment>& segments) {
  std::vector<int> last_use(graph.nodes.size() + 1, -1);
  for (size_t s = 0; s < segments.size(); ++s) {
    for (const int value : ValuesRead(graph, segments[s])) last_use[value] = static_cast<int>(s);
  }
  std::vector<std::vector<int>> result(segments.size());
  for (size_t value = 0; value < last_use.size(); ++value) {
    if (last_use[value] >= 0) result[last_use[value]].push_back(static_cast<int>(value));
  }
  return result;
}

int64_t PeakBytesPerPicture(const Graph& graph, const std::vector<Segment>& segments,
                            const std::vector<ValueExtents>& extents) {
  const std::vector<std::vector<int>> last_uses = LastUses(graph, segments);
  int64_t alive = extents[0].num_elements();
  int64_t peak = alive;
  for (size_t s = 0; s < segments.size(); ++s) {
    alive += extents[segments[s].output].num_elements();
    peak = std::max(peak, alive);
    for (const int value : last_uses[s]) alive -= extents[value].num_elements();
  }
  return peak * static_cast<int64_t>(sizeof(float));
}

}  // namespace deixis
