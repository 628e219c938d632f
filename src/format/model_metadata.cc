// The metadata keys of docs/format.md, section 2: what a model is and how a picture becomes its
// input.

#include <algorithm>
#include <cmath>

#include "format/json.h"
#include "format/model_tensors.h"
#include "format/printable.h"

namespace deixis {
namespace {

constexpr std::string_view kFormatKey = "deixis.format";
constexpr std::string_view kArchitectureKey = "deixis.architecture";
constexpr std::string_view kTaskKey = "deixis.task";
constexpr std::string_view kClassNamesKey = "deixis.class_names";
constexpr std::string_view kPreprocessingKey = "deixis.preprocessing";
constexpr std::string_view kPresenceKey = "deixis.presence";
constexpr std::string_view kActivationsKey = "deixis.activations";
constexpr std::string_view kRejectionKey = "deixis.rejection";
constexpr std::string_view kOwnKeys[] = {kFormatKey,      kArchitectureKey,  kTaskKey,
                                         kClassNamesKey,  kPreprocessingKey, kLayersKey,
                                         kActivationsKey, kPresenceKey,      kRejectionKey};
constexpr int64_t kMaxPixels = 16384;

bool IsOwnKey(std::string_view key) {
  return std::find(std::begin(kOwnKeys), std::end(kOwnKeys), key) != std::end(kOwnKeys);
}

Error KeyError(std::string_view key, const std::string& what, std::string remedy = {}) {
  return InvalidData("metadata " + std::string(key) + ": " + what, std::move(remedy));
}

Result<std::string> RequiredText(const TensorFile& file, std::string_view key) {
  const std::string* text = file.FindMetadata(key);
  if (text == nullptr) return KeyError(key, "expected it in a Deixis model, found nothing");
  return *text;
}

Result<JsonValue> RequiredJson(const TensorFile& file, std::string_view key) {
  DEIXIS_ASSIGN(const std::string text, RequiredText(file, key));
  auto value = ParseJson(text);
  if (!value.ok()) return KeyError(key, value.error().message);
  return value;
}

Status CheckVersion(const TensorFile& file) {
  DEIXIS_ASSIGN(const std::string version, RequiredText(file, kFormatKey));
  if (version == std::to_string(kFormatVersion)) return Ok();
  return KeyError(
      kFormatKey,
      "expected version " + std::to_string(kFormatVersion) + ", found " + Quoted(version),
      "update Deixis, or write the model again with this version");
}

Result<std::vector<std::string>> ReadClassNames(const TensorFile& file) {
  DEIXIS_ASSIGN(const JsonValue value, RequiredJson(file, kClassNamesKey));
  if (value.AsArray() == nullptr) {
    return KeyError(kClassNamesKey, "expected an array of strings, found " + FoundText(&value));
  }
  std::vector<std::string> names;
  for (const JsonValue& item : *value.AsArray()) {
    if (item.AsString() == nullptr) {
      return KeyError(kClassNamesKey, "expected an array of strings, found " + FoundText(&item));
    }
    names.push_back(*item.AsString());
  }
  return names;
}

Result<int64_t> ReadPixels(const JsonValue& object, std::string_view member) {
  const JsonValue* value = object.Find(member);
  const auto number = value == nullptr ? std::nullopt : value->AsInteger();
  if (number && *number >= 1 && *number <= kMaxPixels) return *number;
  return KeyError(kPreprocessingKey, std::string(member) + ": expected 1 to " +
                                         std::to_string(kMaxPixels) + ", found " +
                                         FoundText(value));
}

// 0 or 1: which of two words the member is.
Result<int> ReadChoice(const JsonValue& object, std::string_view member, std::string_view first,
                       std::string_view second) {
  const JsonValue* value = object.Find(member);
  const std::string* word = value == nullptr ? nullptr : value->AsString();
  if (word != nullptr && *word == first) return 0;
  if (word != nullptr && *word == second) return 1;
  return KeyError(kPreprocessingKey, std::string(member) + ": expected " + std::string(first) +
                                         " or " + std::string(second) + ", found " +
                                         FoundText(value));
}

Result<std::array<float, 3>> ReadThree(const JsonValue& object, std::string_view member,
                                       bool positive) {
  const JsonValue* value = object.Find(member);
  const JsonValue::Array* items = value == nullptr ? nullptr : value->AsArray();
  std::array<float, 3> numbers{};
  bool good = items != nullptr && items->size() == numbers.size();
  for (size_t c = 0; good && c < numbers.size(); ++c) {
    const auto number = (*items)[c].AsNumber();
    numbers[c] = static_cast<float>(number.value_or(NAN));
    good = std::isfinite(numbers[c]) && (!positive || numbers[c] > 0);
  }
  if (good) return numbers;
  return KeyError(kPreprocessingKey, std::string(member) + ": expected three finite numbers" +
                                         (positive ? " above 0" : "") + ", found " +
                                         FoundText(value));
}

Result<Preprocessing> ReadPreprocessing(const TensorFile& file) {
  DEIXIS_ASSIGN(const JsonValue object, RequiredJson(file, kPreprocessingKey));
  Preprocessing result;
  DEIXIS_ASSIGN(result.height_px, ReadPixels(object, "height_px"));
  DEIXIS_ASSIGN(result.width_px, ReadPixels(object, "width_px"));
  DEIXIS_ASSIGN(result.shorter_side_px, ReadPixels(object, "shorter_side_px"));
  DEIXIS_ASSIGN(const int resize, ReadChoice(object, "resize", "stretch", "shorter_side_crop"));
  result.resize = resize == 0 ? ResizePolicy::kStretch : ResizePolicy::kShorterSideCrop;
  DEIXIS_ASSIGN(const int order, ReadChoice(object, "channel_order", "rgb", "bgr"));
  result.channel_order = order == 0 ? ChannelOrder::kRgb : ChannelOrder::kBgr;
  DEIXIS_ASSIGN(result.mean, ReadThree(object, "mean", /*positive=*/false));
  DEIXIS_ASSIGN(result.stddev, ReadThree(object, "stddev", /*positive=*/true));
  return result;
}

std::string PreprocessingJson(const Preprocessing& preprocessing) {
  const auto three = [](const std::array<float, 3>& numbers) {
    return JsonValue::Array(numbers.begin(), numbers.end());
  };
  const bool stretch = preprocessing.resize == ResizePolicy::kStretch;
  const bool rgb = preprocessing.channel_order == ChannelOrder::kRgb;
  return ToJson(JsonValue::Object{{"height_px", preprocessing.height_px},
                                  {"width_px", preprocessing.width_px},
                                  {"resize", stretch ? "stretch" : "shorter_side_crop"},
                                  {"shorter_side_px", preprocessing.shorter_side_px},
                                  {"channel_order", rgb ? "rgb" : "bgr"},
                                  {"mean", three(preprocessing.mean)},
                                  {"stddev", three(preprocessing.stddev)}});
}

Result<ActivationQuantization> ReadActivation(const std::string& name, const JsonValue& object) {
  const JsonValue* scale_value = object.Find("scale");
  const auto scale = scale_value == nullptr ? std::nullopt : scale_value->AsNumber();
  const auto stored = static_cast<float>(scale.value_or(NAN));
  if (!std::isfinite(stored) || stored <= 0) {
    return KeyError(kActivationsKey, Quoted(name) +
                                         ": scale: expected a finite number above 0, found " +
                                         FoundText(scale_value));
  }
  const JsonValue* zero_value = object.Find("zero_point");
  const auto zero_point = zero_value == nullptr ? std::nullopt : zero_value->AsInteger();
  if (!zero_point || *zero_point < 0 || *zero_point > 255) {
    return KeyError(kActivationsKey, Quoted(name) + ": zero_point: expected 0 to 255, found " +
                                         FoundText(zero_value));
  }
  return ActivationQuantization{.scale = stored, .zero_point = static_cast<int>(*zero_point)};
}

Result<std::map<std::string, ActivationQuantization>> ReadActivations(const TensorFile& file) {
  std::map<std::string, ActivationQuantization> activations;
  if (file.FindMetadata(kActivationsKey) == nullptr) return activations;
  DEIXIS_ASSIGN(const JsonValue value, RequiredJson(file, kActivationsKey));
  if (value.AsObject() == nullptr) {
    return KeyError(kActivationsKey, "expected an object, found " + FoundText(&value));
  }
  for (const auto& [name, member] : *value.AsObject()) {
    DEIXIS_ASSIGN(activations[name], ReadActivation(name, member));
  }
  return activations;
}

Result<std::optional<float>> ReadRejection(const TensorFile& file, const std::string& task) {
  if (file.FindMetadata(kRejectionKey) == nullptr) return std::optional<float>();
  if (task != "classify") {
    return KeyError(kRejectionKey, "expected it for the task classify, found the task " + task);
  }
  DEIXIS_ASSIGN(const JsonValue object, RequiredJson(file, kRejectionKey));
  const JsonValue* value = object.Find("threshold");
  const auto number = value == nullptr ? std::nullopt : value->AsNumber();
  const auto threshold = static_cast<float>(number.value_or(NAN));
  if (std::isfinite(threshold)) return std::optional(threshold);
  return KeyError(kRejectionKey, "threshold: expected a finite number, found " + FoundText(value));
}

std::string ActivationsJson(const std::map<std::string, ActivationQuantization>& activations) {
  JsonValue::Object object;
  for (const auto& [name, quantization] : activations) {
    object.emplace_back(name, JsonValue::Object{{"scale", quantization.scale},
                                                {"zero_point", quantization.zero_point}});
  }
  return ToJson(object);
}

}  // namespace

bool HasModelMetadata(const TensorFile& file) { return file.FindMetadata(kFormatKey) != nullptr; }

Result<ModelMetadata> ReadModelMetadata(const TensorFile& file) {
  DEIXIS_RETURN_IF_ERROR(CheckVersion(file));
  ModelMetadata metadata;
  DEIXIS_ASSIGN(metadata.architecture, RequiredText(file, kArchitectureKey));
  DEIXIS_ASSIGN(metadata.task, RequiredText(file, kTaskKey));
  if (metadata.task != "classify" && metadata.task != "locate") {
    return KeyError(kTaskKey, "expected classify or locate, found " + Quoted(metadata.task));
  }
  if (const std::string* presence = file.FindMetadata(kPresenceKey)) {
    if (*presence != "logits" || metadata.task != "locate") {
      return KeyError(kPresenceKey, "expected logits, for the task locate, found " +
                                        Quoted(*presence) + " for the task " + metadata.task);
    }
    metadata.tells_presence = true;
  }
  DEIXIS_ASSIGN(metadata.class_names, ReadClassNames(file));
  DEIXIS_ASSIGN(metadata.preprocessing, ReadPreprocessing(file));
  DEIXIS_ASSIGN(metadata.activations, ReadActivations(file));
  DEIXIS_ASSIGN(metadata.rejection_threshold, ReadRejection(file, metadata.task));
  for (const auto& [key, value] : file.metadata) {
    if (!IsOwnKey(key)) metadata.provenance.emplace_back(key, value);
  }
  return metadata;
}

void WriteModelMetadata(const ModelMetadata& metadata, TensorFile& file) {
  const JsonValue::Array names(metadata.class_names.begin(), metadata.class_names.end());
  file.metadata.emplace_back(kFormatKey, std::to_string(kFormatVersion));
  file.metadata.emplace_back(kArchitectureKey, metadata.architecture);
  file.metadata.emplace_back(kTaskKey, metadata.task);
  if (metadata.tells_presence) file.metadata.emplace_back(kPresenceKey, "logits");
  file.metadata.emplace_back(kClassNamesKey, ToJson(names));
  file.metadata.emplace_back(kPreprocessingKey, PreprocessingJson(metadata.preprocessing));
  if (!metadata.activations.empty()) {
    file.metadata.emplace_back(kActivationsKey, ActivationsJson(metadata.activations));
  }
  if (metadata.rejection_threshold) {
    file.metadata.emplace_back(
        kRejectionKey, ToJson(JsonValue::Object{{"threshold", *metadata.rejection_threshold}}));
  }
  for (const auto& [key, value] : metadata.provenance) {
    if (!IsOwnKey(key)) file.metadata.emplace_back(key, value);
  }
}

}  // namespace deixis
