#include "runtime/embedded_layout.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "runtime/program.h"
#include "runtime/quantized_layer.h"

namespace deixis {
namespace {

constexpr int64_t kAlignment = DEIXIS_ALIGNMENT;
static_assert(kAlignment % static_cast<int64_t>(kVectorAlignment) == 0);
// Offsets are 32 bits wide.
constexpr int64_t kMaxBytes = std::numeric_limits<int32_t>::max() - kAlignment;

int64_t AlignUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Appends `elements` at the next aligned place and says where that is.
template <typename T>
uint32_t Append(std::span<const T> elements, AlignedVector<uint8_t>& weights) {
  weights.resize(static_cast<size_t>(AlignUp(static_cast<int64_t>(weights.size()))));
  const auto offset = static_cast<uint32_t>(weights.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(elements.data());
  weights.insert(weights.end(), bytes, bytes + elements.size() * sizeof(T));
  return offset;
}

void AppendLayer(const PackedConv2dU8& packed, DeixisStep& step, AlignedVector<uint8_t>& weights) {
  const Conv2dU8Weights view = packed;
  step.is_indices = view.form == WeightForm8::kCodebook4 ? 1 : 0;
  step.panels = Append(view.panels, weights);
  step.panel_bytes = static_cast<uint32_t>(view.panels.size());
  step.tables = Append(std::span<const int8_t>(packed.tables), weights);
  step.scale = Append(std::span<const float>(packed.scale), weights);
  step.bias = Append(std::span<const float>(packed.bias), weights);
}

DeixisStepKind KindOf(StepKind kind) {
  switch (kind) {
    case StepKind::kInput:
      return kDeixisPicture;
    case StepKind::kMaxPool:
      return kDeixisMaxPool;
    case StepKind::kGlobalAveragePool:
      return kDeixisGlobalAveragePool;
    case StepKind::kSoftArgmax:
      return kDeixisSoftArgmax;
    case StepKind::kSubsamplePad:
      return kDeixisSubsamplePad;
    default:
      return kDeixisConv2d;  // additions and ReLUs of their own are refused by MakeProgramU8
  }
}

DeixisStep LayOutStep(const PlanStep& step, const StepU8& made, AlignedVector<uint8_t>& weights) {
  DeixisStep laid_out = {};
  laid_out.kind = KindOf(step.kind);
  laid_out.input = std::max(step.input, 0);
  laid_out.residual = step.residual == kNoValue ? -1 : step.residual;
  laid_out.output = step.output;
  laid_out.filter_size = static_cast<int32_t>(step.filter_size);
  laid_out.stride = static_cast<int32_t>(step.stride);
  laid_out.padding = static_cast<int32_t>(step.padding);
  laid_out.residual_scale = made.residual_scale;
  laid_out.factor = made.average.factor;
  laid_out.offset = made.average.offset;
  if (laid_out.kind == kDeixisConv2d) AppendLayer(made.weights, laid_out, weights);
  return laid_out;
}

// The first byte of the arena behind everything that lives at a step.
int64_t FreeFrom(const Plan& plan, int step) {
  int64_t end = 0;
  for (const PlanValue& value : plan.values) {
    const ArenaValue& place = value.place;
    if (place.first_step <= step && step <= place.last_step) {
      end = std::max(end, place.offset + place.size);
    }
  }
  return AlignUp(end + kInputSlackBytes);
}

// The bytes as a C string literal, some per line. Octal escapes are as short as they can be, and
// question marks are escaped because two of them begin a trigraph.
void AppendLiteral(std::span<const uint8_t> bytes, std::string& text) {
  constexpr size_t kBytesPerLine = 32;
  for (size_t begin = 0; begin < bytes.size(); begin += kBytesPerLine) {
    const auto line = bytes.subspan(begin, std::min(kBytesPerLine, bytes.size() - begin));
    text += "    \"";
    for (size_t i = 0; i < line.size(); ++i) {
      const uint8_t byte = line[i];
      if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\' && byte != '?') {
        text += static_cast<char>(byte);
        continue;
      }
      const bool digit_follows = i + 1 < line.size() && line[i + 1] >= '0' && line[i + 1] <= '9';
      char escape[8];
      std::snprintf(escape, sizeof(escape), digit_follows ? "\\%03o" : "\\%o", byte);
      text += escape;
    }
    text += "\"\n";
  }
}

template <typename... Arguments>
void AppendFormat(std::string& text, const char* format, Arguments... arguments) {
  char line[512];
  std::snprintf(line, sizeof(line), format, arguments...);
  text += line;
}

}  // namespace

DeixisNetwork EmbeddedLayout::network() const {
  DeixisNetwork network = header;
  network.steps = steps.data();
  network.values = values.data();
  network.weights = weights.data();
  return network;
}

Result<EmbeddedLayout> LayOutEmbedded(const Model& model) {
  if (model.activations.empty()) {
    return UsageError(
        "an embedded network computes in integers; this one's activations have no scales",
        "deixis compress MODEL --activations int8 makes them");
  }
  DEIXIS_ASSIGN(const std::unique_ptr<Program> program, MakeProgramU8(model, /*num_threads=*/1));
  const Plan& plan = program->plan();
  const ProgramPartsU8 parts = program->parts_u8();
  if (plan.arena_bytes > kMaxBytes / 2 || program->weight_bytes() > kMaxBytes) {
    return ResourceError(
        "the network: expected less than 2 GiB of weights and 1 GiB of activations");
  }

  EmbeddedLayout layout;
  // The last value may be followed by what a kernel reads beyond its input.
  int64_t arena_bytes = AlignUp(plan.arena_bytes + kInputSlackBytes);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const StepU8& made = parts.steps[i];
    layout.steps.push_back(LayOutStep(plan.steps[i], made, layout.weights));
    const int64_t scratch = FreeFrom(plan, static_cast<int>(i));
    layout.steps.back().scratch = static_cast<int32_t>(scratch);
    arena_bytes = std::max(arena_bytes, scratch + Conv2dU8ScratchBytes(made.weights, 1));
  }
  for (size_t i = 0; i < plan.values.size(); ++i) {
    const PlanValue& value = plan.values[i];
    layout.values.push_back(
        {.height = static_cast<int32_t>(value.extents.height),
         .width = static_cast<int32_t>(value.extents.width),
         .channels = static_cast<int32_t>(value.extents.channels),
         .border = static_cast<int32_t>(value.extents.border),
         .offset = static_cast<int32_t>(value.place.offset),
         .zero_point = static_cast<uint8_t>(parts.quantizations[i].zero_point)});
  }
  // Where means of several maps lie in one value, each map's are a value within it.
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].first_channel == 0) continue;
    DeixisValue slice = layout.values[plan.steps[i].output];
    slice.offset += static_cast<int32_t>(plan.steps[i].first_channel);
    layout.steps[i].output = static_cast<int32_t>(layout.values.size());
    layout.values.push_back(slice);
  }
  const DeixisValue picture = layout.values[plan.steps.front().output];
  const std::array<uint8_t, 3> border = PictureBorder(model.preprocessing);
  layout.header = {.height_px = picture.height,
                   .width_px = picture.width,
                   .num_outputs = layout.values[plan.steps.back().output].channels,
                   .picture_border = {border[0], border[1], border[2]},
                   .num_steps = static_cast<int32_t>(layout.steps.size()),
                   .steps = nullptr,
                   .values = nullptr,
                   .weights = nullptr,
                   .arena_bytes = arena_bytes};
  return layout;
}

std::string EmbeddedSource(const EmbeddedLayout& layout, std::string_view title, bool is_header) {
  const DeixisNetwork& header = layout.header;
  std::string text = "/* ";
  for (const char c : title) text += c == '*' || c == '/' ? '-' : c;  // ends no comment
  text += "\n * Written by deixis convert --embed. deixis_network is run by DeixisRun(). */\n";
  if (is_header) text += "#pragma once\n";
  text += "#include \"embedded/network.h\"\n\n";
  AppendFormat(text, "static const uint8_t kDeixisWeights[%zu] __attribute__((aligned(%lld))) =\n",
               layout.weights.size() + 1, static_cast<long long>(kAlignment));
  AppendLiteral(layout.weights, text);
  text +=
      "    ;\n\n/* height, width, channels, border, offset, zero_point */\n"
      "static const DeixisValue kDeixisValues[] = {\n";
  for (const DeixisValue& value : layout.values) {
    AppendFormat(text, "    {%d, %d, %d, %d, %d, %d},\n", value.height, value.width, value.channels,
                 value.border, value.offset, value.zero_point);
  }
  text +=
      "};\n\n/* kind, input, residual, output, filter_size, stride, padding, is_indices, panels, "
      "panel_bytes,\n   tables, scale, bias, scratch, residual_scale, factor, offset */\n"
      "static const DeixisStep kDeixisSteps[] = {\n";
  constexpr const char* kKinds[] = {"kDeixisPicture",      "kDeixisConv2d",
                                    "kDeixisMaxPool",      "kDeixisGlobalAveragePool",
                                    "kDeixisSubsamplePad", "kDeixisSoftArgmax"};
  for (const DeixisStep& step : layout.steps) {
    AppendFormat(
        text, "    {%s, %d, %d, %d, %d, %d, %d, %d, %uu, %uu, %uu, %uu, %uu, %d, %af, %af, %af},\n",
        kKinds[step.kind], step.input, step.residual, step.output, step.filter_size, step.stride,
        step.padding, step.is_indices, step.panels, step.panel_bytes, step.tables, step.scale,
        step.bias, step.scratch, static_cast<double>(step.residual_scale),
        static_cast<double>(step.factor), static_cast<double>(step.offset));
  }
  text += "};\n\n";
  text += is_header ? "static const DeixisNetwork deixis_network = {\n"
                    : "extern const DeixisNetwork deixis_network;\n"
                      "const DeixisNetwork deixis_network = {\n";
  AppendFormat(text, "    %d, %d, %d, {%d, %d, %d}, %d,\n", header.height_px, header.width_px,
               header.num_outputs, header.picture_border[0], header.picture_border[1],
               header.picture_border[2], header.num_steps);
  AppendFormat(text, "    kDeixisSteps, kDeixisValues, kDeixisWeights, %lld};\n",
               static_cast<long long>(header.arena_bytes));
  AppendFormat(text, "#define DEIXIS_ARENA_BYTES %lld\n",
               static_cast<long long>(header.arena_bytes));
  return text;
}

}  // namespace deixis
