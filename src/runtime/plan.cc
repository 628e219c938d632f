#include "runtime/plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "kernels/conv2d_f32/conv2d_f32.h"
#include "kernels/pool_f32/pool_f32.h"

namespace deixis {
namespace {

constexpr int64_t kMaxArenaBytes = int64_t{1} << 30;
// Extents up to here keep every product below far within 64 bits.
constexpr int64_t kMaxExtent = int64_t{1} << 15;

// Makes the steps backwards from the answer: whoever needs a value has it made first, so steps come
// out in an order in which each finds its inputs.
class Lowering {
 public:
  Lowering(const Graph& graph, int64_t height, int64_t width, Precision precision)
      : graph_(graph),
        num_uses_(graph.nodes.size() + 1, 0),
        made_(graph.nodes.size() + 1, kNoValue),
        height_(height),
        width_(width) {
    plan_.precision = precision;
  }

  Result<Plan> Run() {
    DEIXIS_RETURN_IF_ERROR(CheckGraph());
    AddStep({.kind = StepKind::kInput, .name = "input"},
            {.height = height_, .width = width_, .channels = 3});
    made_[0] = 0;
    DEIXIS_ASSIGN(const int answer, Make(static_cast<int>(graph_.nodes.size())));
    DEIXIS_RETURN_IF_ERROR(SetElementBytes(answer));
    DEIXIS_RETURN_IF_ERROR(Place(answer));
    return std::move(plan_);
  }

 private:
  // Nodes refer to earlier values only, and as many as their kind takes.
  Status CheckGraph() {
    if (graph_.nodes.empty()) return InvalidData("the graph has no nodes");
    if (height_ < 1 || width_ < 1 || height_ > kMaxExtent || width_ > kMaxExtent) {
      return InvalidData("picture of " + std::to_string(height_) + "x" + std::to_string(width_) +
                         " pixels: expected 1 to " + std::to_string(kMaxExtent) + " each way");
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const size_t expected = node.kind == OpKind::kAdd ? 2 : 1;
      bool fits = node.inputs.size() == expected ||
                  (node.kind == OpKind::kGlobalAveragePool && node.inputs.size() > 1);
      for (const int value : node.inputs) fits = fits && value >= 0 && value <= static_cast<int>(i);
      if (!fits) return InvalidData("node \"" + node.name + "\": inputs are not earlier values");
      for (const int value : node.inputs) ++num_uses_[value];
    }
    return Ok();
  }

  const Node& Producer(int value) const { return graph_.nodes[value - 1]; }
  bool IsMadeBy(int value, OpKind kind) const { return value > 0 && Producer(value).kind == kind; }
  bool IsUsedOnce(int value) const { return num_uses_[value] == 1; }

  // The convolution or linear node behind `value`, through its batch norm, when nothing else reads
  // what lies between.
  const Node* LayerBehind(int value) const {
    if (IsMadeBy(value, OpKind::kBatchNorm)) {
      value = Producer(value).inputs[0];
      if (!IsUsedOnce(value)) return nullptr;
    }
    if (IsMadeBy(value, OpKind::kConv2d) || IsMadeBy(value, OpKind::kLinear)) {
      return &Producer(value);
    }
    return nullptr;
  }

  // The plan's value for a value of the graph, made now if it is not there yet.
  Result<int> Make(int value) {
    if (made_[value] != kNoValue) return made_[value];
    DEIXIS_ASSIGN(const int made, Lower(value));
    made_[value] = made;
    return made;
  }

  Result<int> Lower(int value) {
    int at = value;
    bool relu = false;
    std::string suffix;
    if (IsMadeBy(at, OpKind::kRelu) && IsUsedOnce(Producer(at).inputs[0])) {
      const int before = Producer(at).inputs[0];
      if (IsMadeBy(before, OpKind::kAdd) || LayerBehind(before) != nullptr) {
        at = before;
        relu = true;
        suffix = "+relu";
      }
    }
    if (const Node* layer = LayerBehind(at)) return LowerLayer(*layer, kNoValue, relu, suffix);

    const Node& node = Producer(at);
    switch (node.kind) {
      case OpKind::kAdd:
        return LowerAdd(node, relu, suffix);
      case OpKind::kRelu: {
        DEIXIS_ASSIGN(const int input, Make(node.inputs[0]));
        return AddStep(
            {.kind = StepKind::kRelu, .name = node.name, .value_name = node.name, .input = input},
            Interior(input));
      }
      case OpKind::kMaxPool:
        return LowerMaxPool(node);
      case OpKind::kGlobalAveragePool:
        return LowerGlobalAveragePool(node);
      case OpKind::kSoftArgmax:
        return LowerSoftArgmax(node, value);
      case OpKind::kSubsamplePad:
        return LowerSubsamplePad(node);
      default:
        return InvalidData("node \"" + node.name +
                           "\": a batch norm whose input is not a convolution read by it alone");
    }
  }

  Result<int> LowerAdd(const Node& node, bool relu, const std::string& suffix) {
    // Into the first branch that ends in a convolution; the other one is its residual.
    for (const int branch : {0, 1}) {
      const int value = node.inputs[branch];
      const Node* layer = IsUsedOnce(value) ? LayerBehind(value) : nullptr;
      if (layer == nullptr || layer->kind != OpKind::kConv2d) continue;
      DEIXIS_ASSIGN(const int residual, Make(node.inputs[1 - branch]));
      return LowerLayer(*layer, residual, relu, "+add" + suffix);
    }
    DEIXIS_ASSIGN(const int a, Make(node.inputs[0]));
    DEIXIS_ASSIGN(const int b, Make(node.inputs[1]));
    DEIXIS_RETURN_IF_ERROR(CheckSameExtents(node.name, Interior(a), Interior(b)));
    return AddStep({.kind = StepKind::kAdd,
                    .name = node.name + suffix,
                    .value_name = node.name,
                    .input = a,
                    .residual = b,
                    .relu = relu},
                   Interior(a));
  }

  Result<int> LowerLayer(const Node& node, int residual, bool relu, const std::string& suffix) {
    DEIXIS_ASSIGN(const int input, Make(node.inputs[0]));
    const NhwcExtents in = Extents(input);
    const bool is_linear = node.kind == OpKind::kLinear;
    Conv2dShape shape{.in_channels = in.channels, .out_channels = node.out_channels};
    if (is_linear) {
      shape.filter_height = in.height;
      shape.filter_width = in.width;
    } else {
      shape.filter_height = shape.filter_width = node.filter_size;
      shape.stride = node.stride;
      shape.padding = node.padding;
    }
    if (node.in_channels != (is_linear ? shape.num_terms() : in.channels)) {
      return InvalidData("layer \"" + node.name + "\": expects " +
                         std::to_string(node.in_channels) + (is_linear ? " inputs" : " channels") +
                         ", gets " + Describe(in));
    }
    if (shape.filter_height < 1 || shape.stride < 1 || shape.padding < 0 ||
        shape.filter_height > kMaxExtent || shape.stride > kMaxExtent ||
        shape.padding > kMaxExtent || shape.out_channels < 1 || shape.out_channels > (1 << 20)) {
      return InvalidData("layer \"" + node.name + "\": filter, stride or padding out of range");
    }
    const NhwcExtents out{.height = shape.OutputHeight(in.height),
                          .width = shape.OutputWidth(in.width),
                          .channels = shape.out_channels};
    DEIXIS_RETURN_IF_ERROR(CheckNotEmpty(node.name, out));
    if (residual != kNoValue) {
      DEIXIS_RETURN_IF_ERROR(CheckSameExtents(node.name, out, Interior(residual)));
    }
    NhwcExtents& bordered = plan_.values[input].extents;
    bordered.border = std::max(bordered.border, shape.padding);
    return AddStep({.kind = is_linear ? StepKind::kLinear : StepKind::kConv2d,
                    .layer = node.name,
                    .name = node.name + suffix,
                    .value_name = node.name,
                    .input = input,
                    .residual = residual,
                    .relu = relu,
                    .filter_size = is_linear ? 0 : node.filter_size,
                    .stride = shape.stride,
                    .padding = shape.padding,
                    .macs = out.height * out.width * out.channels * shape.num_terms()},
                   out);
  }

  Result<int> LowerMaxPool(const Node& node) {
    DEIXIS_ASSIGN(const int input, Make(node.inputs[0]));
    const MaxPoolShape shape{
        .filter_size = node.filter_size, .stride = node.stride, .padding = node.padding};
    if (shape.filter_size < 1 || shape.stride < 1 || shape.padding < 0 ||
        shape.padding > shape.filter_size / 2) {
      return InvalidData("pooling \"" + node.name + "\": filter, stride or padding out of range");
    }
    const NhwcExtents in = Interior(input);
    const NhwcExtents out{.height = shape.OutputExtent(in.height),
                          .width = shape.OutputExtent(in.width),
                          .channels = in.channels};
    DEIXIS_RETURN_IF_ERROR(CheckNotEmpty(node.name, out));
    return AddStep({.kind = StepKind::kMaxPool,
                    .name = node.name,
                    .input = input,
                    .filter_size = shape.filter_size,
                    .stride = shape.stride,
                    .padding = shape.padding},
                   out);
  }

  // The means of each map are taken as soon as it is there, so that only they wait for the others.
  Result<int> LowerGlobalAveragePool(const Node& node) {
    int output = kNoValue;
    int64_t channels = 0;
    const size_t num_maps = node.inputs.size();
    for (size_t i = 0; i < num_maps; ++i) {
      DEIXIS_ASSIGN(const int input, Make(node.inputs[i]));
      const std::string part =
          num_maps == 1 ? "" : " " + std::to_string(i + 1) + "/" + std::to_string(num_maps);
      PlanStep step{.kind = StepKind::kGlobalAveragePool,
                    .name = node.name + part,
                    .value_name = node.name,
                    .input = input,
                    .output = output,
                    .first_channel = channels};
      channels += Extents(input).channels;
      if (output == kNoValue) {
        output = AddStep(std::move(step), {.height = 1, .width = 1});
      } else {
        plan_.steps.push_back(std::move(step));
      }
    }
    plan_.values[output].extents.channels = channels;
    return output;
  }

  Result<int> LowerSubsamplePad(const Node& node) {
    DEIXIS_ASSIGN(const int input, Make(node.inputs[0]));
    const NhwcExtents in = Interior(input);
    if (node.stride < 1 || in.channels != node.in_channels || node.out_channels < in.channels) {
      return InvalidData("shortcut \"" + node.name + "\": stride or channels do not fit " +
                         Describe(in));
    }
    return AddStep(
        {.kind = StepKind::kSubsamplePad, .name = node.name, .input = input, .stride = node.stride},
        {.height = (in.height + node.stride - 1) / node.stride,
         .width = (in.width + node.stride - 1) / node.stride,
         .channels = node.out_channels});
  }

  Result<int> LowerSoftArgmax(const Node& node, int value) {
    DEIXIS_ASSIGN(const int input, Make(node.inputs[0]));
    const NhwcExtents in = Extents(input);
    const int64_t attended = in.channels - node.out_channels;
    const bool is_last = value == static_cast<int>(graph_.nodes.size());
    if (!is_last || LayerBehind(node.inputs[0]) == nullptr || in.channels != node.in_channels ||
        attended < 1 || (node.out_channels != 2 * attended && node.out_channels != 3 * attended)) {
      return InvalidData("soft-argmax \"" + node.name + "\": expected to end the network, behind " +
                         "a layer with 3 or 4 channels per category, found " + Describe(in));
    }
    return AddStep(
        {.kind = StepKind::kSoftArgmax, .name = node.name, .value_name = node.name, .input = input},
        {.height = 1, .width = 1, .channels = node.out_channels});
  }

  int AddStep(PlanStep step, const NhwcExtents& out) {
    step.output = static_cast<int>(plan_.values.size());
    plan_.values.push_back({.extents = out, .place = {}});
    plan_.steps.push_back(std::move(step));
    return plan_.steps.back().output;
  }

  Status SetElementBytes(int answer) {
    const bool is_u8 = plan_.precision == Precision::kU8;
    for (PlanValue& value : plan_.values) value.element_bytes = is_u8 ? 1 : sizeof(float);
    plan_.values[answer].element_bytes = sizeof(float);
    const PlanStep& last = plan_.steps.back();
    if (last.kind == StepKind::kSoftArgmax) {
      plan_.values[last.input].element_bytes = sizeof(float);
      return Ok();
    }
    if (!is_u8 || !last.layer.empty()) return Ok();
    return InvalidData("step \"" + last.name +
                       "\": a network with u8 activations has to end in a layer with weights");
  }

  // Lifetimes, then places.
  Status Place(int answer) {
    const int num_steps = static_cast<int>(plan_.steps.size());
    std::vector<ArenaValue> places(plan_.values.size());
    for (size_t i = 0; i < places.size(); ++i) {
      places[i].size = plan_.values[i].extents.dense_elements() * plan_.values[i].element_bytes;
      if (places[i].size > kMaxArenaBytes) {
        return ResourceError(
            "an activation of " + Describe(plan_.values[i].extents) + " exceeds the memory limit",
            "use a smaller picture");
      }
    }
    for (int i = 0; i < num_steps; ++i) {
      const PlanStep& step = plan_.steps[i];
      if (step.first_channel == 0) places[step.output].first_step = i;
      places[step.output].last_step = i;
      for (const int value : {step.input, step.residual}) {
        if (value != kNoValue) places[value].last_step = i;
      }
    }
    places[answer].last_step = num_steps;  // read by the caller
    DEIXIS_ASSIGN(plan_.arena_bytes, PlanArena(places, kVectorAlignment, kMaxArenaBytes));
    DEIXIS_RETURN_IF_ERROR(ProveArena(places, kVectorAlignment, plan_.arena_bytes));
    for (size_t i = 0; i < places.size(); ++i) plan_.values[i].place = places[i];
    return Ok();
  }

  const NhwcExtents& Extents(int value) const { return plan_.values[value].extents; }
  // Without the border: the border of an output is settled by its own readers.
  NhwcExtents Interior(int value) const {
    NhwcExtents extents = Extents(value);
    extents.border = 0;
    return extents;
  }

  static std::string Describe(const NhwcExtents& extents) {
    return std::to_string(extents.height) + "x" + std::to_string(extents.width) + " pixels of " +
           std::to_string(extents.channels) + " channels";
  }

  static Status CheckNotEmpty(const std::string& name, const NhwcExtents& out) {
    if (out.height > 0 && out.width > 0) return Ok();
    return InvalidData("\"" + name + "\": the picture is too small, nothing of it is left here",
                       "use a larger picture");
  }

  static Status CheckSameExtents(const std::string& name, const NhwcExtents& a,
                                 const NhwcExtents& b) {
    if (a.height == b.height && a.width == b.width && a.channels == b.channels) return Ok();
    return InvalidData("\"" + name + "\": adds " + Describe(a) + " to " + Describe(b));
  }

  const Graph& graph_;
  std::vector<int> num_uses_;  // by value of the graph
  std::vector<int> made_;      // graph value -> plan value
  int64_t height_;
  int64_t width_;
  Plan plan_;
};

}  // namespace

Result<Plan> MakePlan(const Graph& graph, int64_t height, int64_t width, Precision precision) {
  return Lowering(graph, height, width, precision).Run();
}

}  // namespace deixis
