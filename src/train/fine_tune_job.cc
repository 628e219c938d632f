#include "train/fine_tune_job.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>

#include "base/file.h"

namespace deixis {
namespace {

using Json = nlohmann::ordered_json;

bool IsOneOf(const std::string& value, std::initializer_list<const char*> choices) {
  return std::ranges::any_of(choices, [&](const char* choice) { return value == choice; });
}

Status CheckChoice(const char* key, const std::string& value,
                   std::initializer_list<const char*> choices) {
  if (IsOneOf(value, choices)) return Ok();
  std::string names;
  for (const char* choice : choices) names += (names.empty() ? "" : ", ") + std::string(choice);
  return UsageError(std::string(key) + ": expected one of " + names + ", found \"" + value + "\"");
}

Status CheckRange(const char* key, double value, double low, double high) {
  if (value >= low && value <= high) return Ok();
  char text[160];
  std::snprintf(text, sizeof(text), "%s: expected %g..%g, found %g", key, low, high, value);
  return UsageError(text);
}

Status CheckWhere(const char* key, const std::string& value) {
  if (value.empty() || (value.find('=') != std::string::npos && value.front() != '=')) return Ok();
  return UsageError(std::string(key) + ": expected COLUMN=VALUE, found \"" + value + "\"",
                    "for instance scene=garden");
}

template <typename T>
bool Take(const Json& json, T& member) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) return false;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return false;
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_number_integer()) return false;
    if (std::is_unsigned_v<T> && json.is_number_integer() && !json.is_number_unsigned())
      return false;
  } else {
    if (!json.is_number()) return false;
  }
  member = json.get<T>();
  return true;
}

template <typename T>
const char* KindOf() {
  if (std::is_same_v<T, bool>) return "true or false";
  if (std::is_same_v<T, std::string>) return "a text";
  if (std::is_integral_v<T>) return "a whole number";
  return "a number";
}

}  // namespace

Status FineTuneJob::Validate() const {
  for (const auto& [key, value] :
       {std::pair{"data", &data}, {"backbone", &backbone}, {"out", &out}}) {
    if (value->empty()) {
      return UsageError(std::string(key) + " is missing",
                        "give it as --" + std::string(key) + " or in the job file");
    }
  }
  DEIXIS_RETURN_IF_ERROR(CheckChoice("task", task, {"classify", "locate"}));
  DEIXIS_RETURN_IF_ERROR(CheckChoice("resize", resize, {"auto", "stretch", "crop"}));
  DEIXIS_RETURN_IF_ERROR(CheckChoice("head", head, {"auto", "pooled", "flatten", "soft-argmax"}));
  if (head == "soft-argmax" && !locates()) {
    return UsageError("head: soft-argmax answers with places, and the task is " + task,
                      "give --task locate, or another head");
  }
  if (stages != 0 && stages != 4 && stages != 5) {
    return UsageError("stages: expected 0, 4 or 5, found " + std::to_string(stages));
  }
  DEIXIS_RETURN_IF_ERROR(CheckChoice("optimizer", optimizer, {"adam", "sgd"}));
  DEIXIS_RETURN_IF_ERROR(CheckChoice("schedule", schedule, {"cosine", "constant", "step"}));
  DEIXIS_RETURN_IF_ERROR(locates() ? CheckChoice("loss", loss, {"auto", "mse", "huber"})
                                   : CheckChoice("loss", loss, {"auto", "cross-entropy"}));
  DEIXIS_RETURN_IF_ERROR(CheckChoice("device", device, {"cpu", "cuda"}));
  DEIXIS_RETURN_IF_ERROR(CheckWhere("held_out_where", held_out_where));
  DEIXIS_RETURN_IF_ERROR(CheckWhere("test_where", test_where));
  DEIXIS_RETURN_IF_ERROR(CheckRange("held_out_share", held_out_share, 0.01, 0.5));
  DEIXIS_RETURN_IF_ERROR(CheckRange("input_px", static_cast<double>(input_px), 0, 1024));
  if (input_px > 0 && input_px < 16) {
    return UsageError("input_px: expected 0 or 16..1024, found " + std::to_string(input_px));
  }
  DEIXIS_RETURN_IF_ERROR(CheckRange("frozen_stages", frozen_stages, 0, 5));
  DEIXIS_RETURN_IF_ERROR(CheckRange("learning_rate", learning_rate, 0, 1e6));
  DEIXIS_RETURN_IF_ERROR(CheckRange("head_rate", head_rate, 0, 1e3));
  DEIXIS_RETURN_IF_ERROR(CheckRange("momentum", momentum, 0, 0.999));
  DEIXIS_RETURN_IF_ERROR(CheckRange("weight_decay", weight_decay, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("warm_up", warm_up, 0, 0.9));
  DEIXIS_RETURN_IF_ERROR(CheckRange("label_smoothing", label_smoothing, 0, 0.9));
  DEIXIS_RETURN_IF_ERROR(CheckRange("batch", static_cast<double>(batch), 2, 65536));
  DEIXIS_RETURN_IF_ERROR(CheckRange("epochs", epochs, 1, 100000));
  DEIXIS_RETURN_IF_ERROR(CheckRange("patience", patience, 0, 100000));
  DEIXIS_RETURN_IF_ERROR(CheckRange("per_category", static_cast<double>(per_category), 0, 1e9));
  DEIXIS_RETURN_IF_ERROR(CheckRange("threads", threads, 1, 1024));
  return augment.Validate();
}

Json ToJson(const FineTuneJob& job) {
  Json json;
  VisitJob(job, [&](const char* key, const char*, const auto& member) { json[key] = member; });
  return json;
}

Status FromJson(const Json& json, const std::string& where, FineTuneJob& job) {
  if (!json.is_object()) return UsageError(where + ": expected a JSON object");
  Status status;
  std::set<std::string> known = {"schema"};
  VisitJob(job, [&](const char* key, const char*, auto& member) {
    known.insert(key);
    const auto found = json.find(key);
    if (found == json.end() || !status.ok()) return;
    if (!Take(*found, member)) {
      status = UsageError(where + ": " + key + ": expected " +
                          KindOf<std::remove_reference_t<decltype(member)>>() + ", found " +
                          found->dump());
    }
  });
  DEIXIS_RETURN_IF_ERROR(std::move(status));
  for (const auto& item : json.items()) {
    if (known.contains(item.key())) continue;
    return UsageError(where + ": there is no \"" + item.key() + "\"",
                      "`deixis-train finetune --help` lists what there is, with - for _");
  }
  return Ok();
}

Status ReadJobFile(const std::string& path, FineTuneJob& job) {
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(path, /*max_bytes=*/1 << 20));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return UsageError(path + ": expected JSON, found something else");
  return FromJson(json, path, job);
}

std::string JobFingerprint(const FineTuneJob& job) {
  Json json = ToJson(job);
  for (const char* key : {"out", "checkpoint", "resume", "threads", "device", "test", "test_where",
                          "error_size", "data", "backbone", "held_out"}) {
    json.erase(key);
  }
  return json.dump();
}

}  // namespace deixis
