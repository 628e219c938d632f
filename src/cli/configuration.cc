#include "cli/configuration.h"

#include <vector>

#include "cli/command.h"
#include "cli/suggest.h"

namespace deixis::cli {
namespace {

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// "threads", "bench.threads": does some flag that is a setting have that name?
bool IsSetting(std::string_view name) {
  if (name == "config") return false;  // it says where this file is
  const auto dot = name.find('.');
  if (dot != std::string_view::npos) {
    const Command* command = FindCommand(name.substr(0, dot));
    if (command == nullptr) return false;
    const Flag* flag = FindFlag(command, name.substr(dot + 1));
    return flag != nullptr && !flag->environment.empty();
  }
  for (const Command* command : Commands()) {
    const Flag* flag = FindFlag(command, name);
    if (flag != nullptr && !flag->environment.empty()) return true;
  }
  return false;
}

std::vector<std::string_view> AllSettings() {
  std::vector<std::string_view> names;
  const auto add = [&](std::span<const Flag> flags) {
    for (const Flag& flag : flags) {
      if (!flag.environment.empty()) names.push_back(flag.name);
    }
  };
  add(CommonFlags());
  for (const Command* command : Commands()) add(command->flags);
  return names;
}

}  // namespace

Result<std::map<std::string, Setting>> ParseConfiguration(std::string_view text,
                                                          const std::string& path) {
  std::map<std::string, Setting> settings;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const auto end = text.find('\n');
    std::string_view line = Trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::string place = path + ":" + std::to_string(line_number);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      return UsageError(place + ": expected name = value, found \"" + std::string(line) + "\"",
                        "write one setting per line, or begin the line with # to leave it out");
    }
    const std::string name(Trim(line.substr(0, equals)));
    const std::string value(Trim(line.substr(equals + 1)));
    if (!IsSetting(name)) {
      const auto dot = name.find('.');
      const auto bare = std::string_view(name).substr(dot == std::string::npos ? 0 : dot + 1);
      return UsageError(
          place + ": no setting is called \"" + name + "\"",
          DidYouMean(bare, AllSettings(), "\"", "\"", "`deixis help settings` lists them all"));
    }
    if (value.empty()) {
      return UsageError(place + ": \"" + name + "\" has no value",
                        "give it one, or begin the line with # to leave it out");
    }
    if (!settings.emplace(name, Setting{value, line_number}).second) {
      return UsageError(
          place + ": \"" + name + "\" is set twice",
          "keep one of the two lines; the first is line " + std::to_string(settings.at(name).line));
    }
  }
  return settings;
}

}  // namespace deixis::cli
