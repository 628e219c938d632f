#include "network/graph.h"

#include <numeric>
#include <utility>

namespace deixis {
namespace {

// Appends nodes and keeps track of the newest value.
class Builder {
 public:
  int value() const { return static_cast<int>(graph_.nodes.size()); }

  int Conv(const std::string& name, int input, int64_t in_channels, int64_t out_channels,
           int64_t filter_size, int64_t stride) {
    return Append({.kind = OpKind::kConv2d,
                   .name = name,
                   .inputs = {input},
                   .in_channels = in_channels,
                   .out_channels = out_channels,
                   .filter_size = filter_size,
                   .stride = stride,
                   .padding = filter_size / 2});
  }

  int BatchNorm(const std::string& name, int input, int64_t channels) {
    return Append({.kind = OpKind::kBatchNorm,
                   .name = name,
                   .inputs = {input},
                   .in_channels = channels,
                   .out_channels = channels});
  }

  int Append(Node node) {
    graph_.nodes.push_back(std::move(node));
    return value();
  }

  Graph Take() { return std::move(graph_); }

 private:
  Graph graph_;
};

// What the residual is added to: the block's input, brought to the shape of its output.
int AppendShortcut(Builder& builder, const Architecture& architecture, const std::string& block,
                   int input, int64_t in_channels, int64_t out_channels, int64_t stride) {
  if (stride == 1 && in_channels == out_channels) return input;
  if (architecture.shortcut == ShortcutKind::kZeroPad) {
    return builder.Append({.kind = OpKind::kSubsamplePad,
                           .name = block + ".shortcut",
                           .inputs = {input},
                           .in_channels = in_channels,
                           .out_channels = out_channels,
                           .stride = stride});
  }
  const std::string name = block + "." + architecture.shortcut_name;
  const int projected =
      builder.Conv(name + ".0", input, in_channels, out_channels, /*filter_size=*/1, stride);
  return builder.BatchNorm(name + ".1", projected, out_channels);
}

int AppendBlock(Builder& builder, const Architecture& architecture, const std::string& name,
                int input, int64_t in_channels, int64_t width, int64_t stride) {
  int value = input;
  int64_t channels = in_channels;
  const auto append = [&](int index, int64_t out_channels, int64_t filter_size, int64_t step) {
    const std::string suffix = std::to_string(index);
    value = builder.Conv(name + ".conv" + suffix, value, channels, out_channels, filter_size, step);
    value = builder.BatchNorm(name + ".bn" + suffix, value, out_channels);
    channels = out_channels;
  };
  const auto append_relu = [&](int index) {
    value = builder.Append({.kind = OpKind::kRelu,
                            .name = name + ".relu" + std::to_string(index),
                            .inputs = {value},
                            .in_channels = channels,
                            .out_channels = channels});
  };
  int last_relu = 2;
  if (architecture.block == BlockKind::kBasic) {
    append(1, width, 3, stride);
    append_relu(1);
    append(2, width, 3, 1);
  } else {
    // torchvision strides in the 3x3 convolution ("ResNet v1.5"), not in the first as the paper
    // does.
    append(1, width, 1, 1);
    append_relu(1);
    append(2, width, 3, stride);
    append_relu(2);
    append(3, 4 * width, 1, 1);
    last_relu = 3;
  }
  const int shortcut =
      AppendShortcut(builder, architecture, name, input, in_channels, channels, stride);
  value = builder.Append({.kind = OpKind::kAdd,
                          .name = name + ".add",
                          .inputs = {value, shortcut},
                          .in_channels = channels,
                          .out_channels = channels});
  append_relu(last_relu);
  return value;
}

}  // namespace

Graph BuildGraph(const Architecture& architecture) {
  Builder builder;
  const bool imagenet = architecture.stem == StemKind::kImageNet;
  int64_t channels = architecture.stage_channels.front();
  int value =
      builder.Conv("conv1", 0, /*in_channels=*/3, channels, imagenet ? 7 : 3, imagenet ? 2 : 1);
  value = builder.BatchNorm("bn1", value, channels);
  value = builder.Append({.kind = OpKind::kRelu,
                          .name = "relu",
                          .inputs = {value},
                          .in_channels = channels,
                          .out_channels = channels});
  if (imagenet) {
    value = builder.Append({.kind = OpKind::kMaxPool,
                            .name = "maxpool",
                            .inputs = {value},
                            .in_channels = channels,
                            .out_channels = channels,
                            .filter_size = 3,
                            .stride = 2,
                            .padding = 1});
  }
  const int64_t expansion = architecture.block == BlockKind::kBottleneck ? 4 : 1;
  std::vector<int> maps;  // of each stage
  for (size_t stage = 0; stage < architecture.blocks_per_stage.size(); ++stage) {
    const int64_t width = architecture.stage_channels[stage];
    for (int block = 0; block < architecture.blocks_per_stage[stage]; ++block) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      value = AppendBlock(builder, architecture, name, value, channels, width, stride);
      channels = expansion * width;
    }
    maps.push_back(value);
  }
  if (architecture.HasSoftArgmaxHead()) {
    value = builder.Append({.kind = OpKind::kConv2d,
                            .name = architecture.head_name,
                            .inputs = {value},
                            .in_channels = channels,
                            .out_channels = architecture.num_head_rows(),
                            .filter_size = 1,
                            .has_bias = true});
    builder.Append({.kind = OpKind::kSoftArgmax,
                    .name = "soft_argmax",
                    .inputs = {value},
                    .in_channels = architecture.num_head_rows(),
                    .out_channels = architecture.num_outputs});
    return builder.Take();
  }
  if (architecture.HasFlattenHead()) {
    channels *= architecture.flattened_pixels;
  } else {
    const std::vector<int64_t> pooled = PooledChannelsOf(architecture);
    channels = std::accumulate(pooled.begin(), pooled.end(), int64_t{0});
    value = builder.Append({.kind = OpKind::kGlobalAveragePool,
                            .name = "avgpool",
                            .inputs = {maps.end() - architecture.pooled_stages, maps.end()},
                            .in_channels = channels,
                            .out_channels = channels});
  }
  builder.Append({.kind = OpKind::kLinear,
                  .name = architecture.head_name,
                  .inputs = {value},
                  .in_channels = channels,
                  .out_channels = architecture.num_outputs,
                  .has_bias = true});
  return builder.Take();
}

const Node* FindNode(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

const Node* BatchNormAfter(const Graph& graph, const Node& node) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].name != node.name) continue;
    const int value = static_cast<int>(i) + 1;
    for (size_t next = i + 1; next < graph.nodes.size(); ++next) {
      const Node& candidate = graph.nodes[next];
      if (candidate.kind == OpKind::kBatchNorm && candidate.inputs.front() == value) {
        return &candidate;
      }
    }
  }
  return nullptr;
}

std::vector<ParameterSpec> ParametersOf(const Graph& graph) {
  std::vector<ParameterSpec> parameters;
  for (const Node& node : graph.nodes) {
    const int64_t channels = node.out_channels;
    switch (node.kind) {
      case OpKind::kConv2d:
        parameters.push_back(
            {.name = node.name + ".weight",
             .shape = {channels, node.in_channels, node.filter_size, node.filter_size}});
        if (node.has_bias) parameters.push_back({.name = node.name + ".bias", .shape = {channels}});
        break;
      case OpKind::kBatchNorm:
        for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
          parameters.push_back({.name = node.name + part, .shape = {channels}});
        }
        parameters.push_back(
            {.name = node.name + ".num_batches_tracked", .shape = {}, .is_optional = true});
        break;
      case OpKind::kLinear:
        parameters.push_back(
            {.name = node.name + ".weight", .shape = {channels, node.in_channels}});
        parameters.push_back({.name = node.name + ".bias", .shape = {channels}});
        break;
      case OpKind::kRelu:
      case OpKind::kAdd:
      case OpKind::kMaxPool:
      case OpKind::kGlobalAveragePool:
      case OpKind::kSoftArgmax:
      case OpKind::kSubsamplePad:
        break;
    }
  }
  return parameters;
}

}  // namespace deixis
