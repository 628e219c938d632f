#include "cli/recorded_settings.h"

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "format/digest.h"

namespace deixis::cli {
namespace {

// The flags by which a session is decided and told.
constexpr std::array<std::string_view, 6> kFlags = {"names",  "dwell",   "max-age",
                                                    "strict", "trigger", "language"};
constexpr std::string_view kFile = "/settings.json";

std::string Absolute(const std::string& path) {
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure);
  return failure ? path : absolute.string();
}

std::optional<std::string> ValueOf(const Arguments& arguments, std::string_view flag) {
  if (flag == "strict") return arguments.Switch(flag) ? "true" : "false";
  if (!arguments.Has(flag)) return std::nullopt;
  return flag == "names" ? Absolute(arguments.Text(flag)) : arguments.Text(flag);
}

Error Damaged(const std::string& path, const std::string& expected) {
  return InvalidData(path + ": expected " + expected, "copy the whole folder again");
}

}  // namespace

Status WriteRecordedSettings(const std::string& folder, const Arguments& arguments,
                             const RunModels& models) {
  Json flags{{"pointer", Absolute(models.pointer_path)},
             {"objects", Absolute(models.objects_path)}};
  for (const std::string_view flag : kFlags) {
    const auto value = ValueOf(arguments, flag);
    flags[std::string(flag)] = value ? Json(*value) : Json(nullptr);
  }
  DEIXIS_ASSIGN(const std::string pointer, Sha256OfFile(models.pointer_path));
  DEIXIS_ASSIGN(const std::string objects, Sha256OfFile(models.objects_path));
  const Json document{{"schema", kJsonSchema},
                      {"deixis", DEIXIS_VERSION},
                      {"flags", std::move(flags)},
                      {"sha256", {{"pointer", pointer}, {"objects", objects}}}};
  return WriteFileAtomically(folder + std::string(kFile), document.dump(2) + "\n");
}

Result<Arguments> WithRecordedSettings(const std::string& folder, const Arguments& arguments,
                                       Console& console) {
  const std::string path = folder + std::string(kFile);
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(path, 1 << 20));
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("flags") || !document["flags"].is_object() ||
      !document.contains("sha256") || !document["sha256"].is_object()) {
    return Damaged(path, "the settings of a recording");
  }
  std::map<std::string, std::optional<std::string>> values;
  for (const auto& [name, value] : document["flags"].items()) {
    if (!value.is_string() && !value.is_null()) return Damaged(path, name + " to be a text");
    values[name] = value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
  }
  auto merged = arguments.With(values);
  if (!merged.ok()) return Damaged(path, "flags of deixis run; " + merged.error().message);
  for (const auto& [name, value] : values) {
    const auto now = name == "strict"    ? ValueOf(*merged, name)
                     : merged->Has(name) ? std::optional(merged->Text(name))
                                         : std::nullopt;
    if (now == value) continue;
    console.Warn("--" + name + " is " + now.value_or("not given") + ", but was " +
                 value.value_or("not given") + " when this session was recorded");
  }
  for (const std::string name : {"pointer", "objects"}) {
    const auto digest = document["sha256"].find(name);
    if (!merged->Has(name) || digest == document["sha256"].end()) continue;
    const auto now = Sha256OfFile(merged->Text(name));
    if (now.ok() && Json(*now) != *digest && merged->Text(name) == values[name]) {
      console.Warn(merged->Text(name) + " has changed since this session was recorded");
    }
  }
  return merged;
}

}  // namespace deixis::cli
