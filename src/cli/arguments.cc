#include "cli/arguments.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "cli/configuration.h"
#include "cli/suggest.h"

namespace deixis::cli {
namespace {

constexpr int64_t kMaxConfigurationBytes = 1 << 20;

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string NumberText(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc() ? std::string(buffer, end) : std::string("?");
}

// "from 2 to 256", "of at least 1", or nothing.
std::string RangeText(const Flag& flag) {
  const bool low = std::isfinite(flag.minimum);
  const bool high = std::isfinite(flag.maximum);
  if (low && high) return " from " + NumberText(flag.minimum) + " to " + NumberText(flag.maximum);
  if (low) return " of at least " + NumberText(flag.minimum);
  if (high) return " of at most " + NumberText(flag.maximum);
  return "";
}

// What a value of that kind is, as the message says it.
std::string Expectation(const Flag& flag) {
  switch (flag.kind) {
    case ValueKind::kInteger:
      return "a whole number" + RangeText(flag);
    case ValueKind::kReal:
      return "a number" + RangeText(flag);
    case ValueKind::kBytes:
      return "a number of bytes such as 900k, 6.1MB or 4MiB";
    case ValueKind::kIntegers:
      return "whole numbers" + RangeText(flag) + " separated by commas, none twice";
    case ValueKind::kChoice: {
      std::string words;
      const auto choices = Split(flag.allowed, '|');
      for (size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) words += i + 1 == choices.size() ? " or " : ", ";
        words += choices[i];
      }
      return words;
    }
    default:
      return "a value";
  }
}

bool InRange(const Flag& flag, double value) {
  return value >= flag.minimum && value <= flag.maximum;
}

bool IsValid(const Flag& flag, std::string_view text) {
  switch (flag.kind) {
    case ValueKind::kSwitch:
      return text == "true" || text == "false" || text == "1" || text == "0" || text == "yes" ||
             text == "no";
    case ValueKind::kText:
    case ValueKind::kFile:
    case ValueKind::kFolder:
      return !text.empty();
    case ValueKind::kChoice: {
      for (const auto choice : Split(flag.allowed, '|')) {
        if (choice == text) return true;
      }
      return false;
    }
    case ValueKind::kInteger: {
      const auto value = ParseNumber<int64_t>(text);
      return value.has_value() && InRange(flag, static_cast<double>(*value));
    }
    case ValueKind::kReal: {
      const auto value = ParseNumber<double>(text);
      return value.has_value() && InRange(flag, *value);
    }
    case ValueKind::kBytes: {
      const auto value = ParseBytes(text);
      return value.has_value() && *value > 0;
    }
    case ValueKind::kIntegers: {
      std::set<int> seen;
      for (const auto part : Split(text, ',')) {
        const auto value = ParseNumber<int>(part);
        if (!value.has_value() || !InRange(flag, *value)) return false;
        if (!seen.insert(*value).second) return false;
      }
      return !seen.empty();
    }
  }
  return false;
}

// `place` names where the value stood: "--threads", "DEIXIS_THREADS", "config:3: threads".
Status CheckValue(const Flag& flag, std::string_view text, const std::string& place) {
  if (IsValid(flag, text)) return Ok();
  if (text.empty()) {
    return UsageError(place + " needs a value, found nothing",
                      "give " + Expectation(flag) + " after it");
  }
  if (flag.kind == ValueKind::kSwitch) {
    return UsageError(place + " is a switch: expected true or false, found " + Quoted(text));
  }
  std::string remedy;
  if (flag.kind == ValueKind::kChoice) {
    remedy = DidYouMean(text, Split(flag.allowed, '|'), "\"", "\"", "");
  } else if (!flag.example.empty()) {
    remedy = "for example: --" + std::string(flag.name) + " " + std::string(flag.example);
  }
  return UsageError(place + ": expected " + Expectation(flag) + ", found " + Quoted(text), remedy);
}

std::string HelpRemedy(const Command& command) {
  return "`deixis " + std::string(command.name) + " --help` lists the flags";
}

Error UnknownFlag(const Command& command, std::string_view written) {
  std::string_view name = written;
  while (name.starts_with('-')) name.remove_prefix(1);
  std::vector<std::string_view> names;
  for (const Flag& flag : command.flags) names.push_back(flag.name);
  for (const Flag& flag : CommonFlags()) names.push_back(flag.name);
  return UsageError("deixis " + std::string(command.name) + " has no flag " + std::string(written),
                    DidYouMean(name, names, "--", "", HelpRemedy(command)));
}

const Flag* FindLetter(const Command& command, char letter) {
  for (const Flag& flag : command.flags) {
    if (flag.letter == letter) return &flag;
  }
  for (const Flag& flag : CommonFlags()) {
    if (flag.letter == letter) return &flag;
  }
  return nullptr;
}

Status CheckWords(const Command& command, const std::vector<std::string>& words) {
  size_t required = 0;
  bool repeated = false;
  for (const Positional& positional : command.positionals) {
    if (!positional.optional) ++required;
    repeated = repeated || positional.repeated;
  }
  if (words.size() < required) {
    const Positional& missing = command.positionals[words.size()];
    const std::string example =
        command.examples.empty()
            ? HelpRemedy(command)
            : "for example: deixis " + std::string(command.examples.front().command);
    return UsageError("deixis " + std::string(command.name) + " needs " +
                          std::string(missing.name) + ": " + std::string(missing.help),
                      example);
  }
  if (!repeated && words.size() > command.positionals.size()) {
    return UsageError("deixis " + std::string(command.name) + ": one argument too many, " +
                          Quoted(words[command.positionals.size()]),
                      HelpRemedy(command));
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const Positional& positional = command.positionals[std::min(i, command.positionals.size() - 1)];
    if (words[i].empty()) {
      return UsageError(std::string(positional.name) + " is empty",
                        "a shell variable that is not set often causes this");
    }
    if (positional.kind != ValueKind::kChoice) continue;
    const Flag as_flag{
        .name = positional.name, .kind = ValueKind::kChoice, .allowed = positional.allowed};
    DEIXIS_RETURN_IF_ERROR(CheckValue(as_flag, words[i], std::string(positional.name)));
  }
  return Ok();
}

}  // namespace

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int64_t> ParseBytes(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  std::string_view unit(end, text.data() + text.size() - end);
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    static constexpr std::string_view kPrefixes = "kMGT";
    const char prefix = unit.front() == 'K' ? 'k' : unit.front();
    const auto power = kPrefixes.find(prefix);
    if (power == std::string_view::npos) return std::nullopt;
    unit.remove_prefix(1);
    if (unit != "" && unit != "B" && unit != "i" && unit != "iB") return std::nullopt;
    factor = std::pow(unit.starts_with('i') ? 1024.0 : 1000.0, static_cast<double>(power + 1));
  }
  const double bytes = number * factor;
  if (bytes > 9e18) return std::nullopt;
  return static_cast<int64_t>(std::llround(bytes));
}

const Arguments::Value& Arguments::ValueOf(std::string_view flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) std::abort();
  return found->second;
}

bool Arguments::Has(std::string_view flag) const { return values_.contains(flag); }

bool Arguments::Given(std::string_view flag) const {
  const auto found = values_.find(flag);
  return found != values_.end() && found->second.source != ValueSource::kDefault;
}

bool Arguments::Switch(std::string_view flag) const {
  if (!Has(flag)) return false;
  const std::string& text = ValueOf(flag).text;
  return text == "true" || text == "1" || text == "yes";
}

const std::string& Arguments::Text(std::string_view flag) const { return ValueOf(flag).text; }

int64_t Arguments::Integer(std::string_view flag) const {
  return ParseNumber<int64_t>(ValueOf(flag).text).value();
}

double Arguments::Real(std::string_view flag) const {
  return ParseNumber<double>(ValueOf(flag).text).value();
}

int64_t Arguments::Bytes(std::string_view flag) const {
  return ParseBytes(ValueOf(flag).text).value();
}

std::vector<int> Arguments::Integers(std::string_view flag) const {
  std::vector<int> values;
  for (const auto part : Split(ValueOf(flag).text, ',')) {
    values.push_back(ParseNumber<int>(part).value());
  }
  return values;
}

Result<Arguments> Arguments::With(
    const std::map<std::string, std::optional<std::string>>& values) const {
  Arguments changed = *this;
  for (const auto& [name, value] : values) {
    const Flag* flag = FindFlag(command_, name);
    if (flag == nullptr) return UnknownFlag(*command_, "--" + name);
    if (value) DEIXIS_RETURN_IF_ERROR(CheckValue(*flag, *value, "--" + name));
    const auto found = values_.find(name);
    if (found != values_.end() && found->second.source == ValueSource::kCommandLine) continue;
    changed.values_.erase(name);
    if (value) changed.values_[name] = Value{*value, ValueSource::kConfiguration};
  }
  return changed;
}

std::string DefaultConfigurationPath(const EnvironmentLookup& environment) {
  if (const auto folder = environment("XDG_CONFIG_HOME")) return *folder + "/deixis/config";
  if (const auto home = environment("HOME")) return *home + "/.config/deixis/config";
  return "";
}

// Fills an Arguments from the four sources, the strongest last.
class ArgumentParser {
 public:
  ArgumentParser(const Command& command, const EnvironmentLookup& environment)
      : command_(command), environment_(environment) {
    arguments_.command_ = &command;
  }

  Result<Arguments> Parse(std::span<const std::string> words) {
    DEIXIS_RETURN_IF_ERROR(TakeCommandLine(words));
    // Asking for help must work whatever else is wrong.
    if (arguments_.Switch("help")) return std::move(arguments_);
    DEIXIS_RETURN_IF_ERROR(TakeEnvironment());
    DEIXIS_RETURN_IF_ERROR(TakeConfiguration());
    ForEachFlag([&](const Flag& flag) {
      if (!flag.default_value.empty()) {
        Offer(flag, std::string(flag.default_value), ValueSource::kDefault);
      }
    });
    Status missing = Ok();
    ForEachFlag([&](const Flag& flag) {
      if (flag.required && missing.ok() && !arguments_.Has(flag.name)) {
        missing = UsageError("deixis " + std::string(command_.name) + " needs --" +
                                 std::string(flag.name) + " " + std::string(flag.value_name) +
                                 ": " + std::string(flag.help),
                             HelpRemedy(command_));
      }
    });
    DEIXIS_RETURN_IF_ERROR(CheckWords(command_, arguments_.words_));
    DEIXIS_RETURN_IF_ERROR(missing);
    return std::move(arguments_);
  }

 private:
  template <typename Visit>
  void ForEachFlag(const Visit& visit) {
    for (const Flag& flag : command_.flags) visit(flag);
    for (const Flag& flag : CommonFlags()) visit(flag);
  }

  // Keeps what is already there: sources are asked from the strongest to the weakest.
  void Offer(const Flag& flag, std::string text, ValueSource source) {
    arguments_.values_.try_emplace(std::string(flag.name),
                                   Arguments::Value{std::move(text), source});
  }

  Status Take(const Flag& flag, std::string text, const std::string& place) {
    DEIXIS_RETURN_IF_ERROR(CheckValue(flag, text, place));
    // On the command line the last one counts, so that an alias can be overruled.
    arguments_.values_[std::string(flag.name)] =
        Arguments::Value{std::move(text), ValueSource::kCommandLine};
    return Ok();
  }

  Status TakeCommandLine(std::span<const std::string> words) {
    bool only_words = false;
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (only_words || word.size() < 2 || word[0] != '-') {
        arguments_.words_.push_back(word);
        continue;
      }
      if (word == "--") {
        only_words = true;
        continue;
      }
      const bool is_long = word[1] == '-';
      const auto equals = is_long ? word.find('=') : std::string::npos;
      const std::string written = word.substr(0, equals);
      const Flag* flag = nullptr;
      if (is_long) {
        flag = FindFlag(&command_, std::string_view(written).substr(2));
      } else if (word.size() == 2) {
        flag = FindLetter(command_, word[1]);
      }
      if (flag == nullptr) return UnknownFlag(command_, written);
      if (equals != std::string::npos) {
        DEIXIS_RETURN_IF_ERROR(Take(*flag, word.substr(equals + 1), written));
      } else if (flag->kind == ValueKind::kSwitch) {
        DEIXIS_RETURN_IF_ERROR(Take(*flag, "true", written));
      } else if (i + 1 == words.size() || words[i + 1].starts_with("--")) {
        DEIXIS_RETURN_IF_ERROR(CheckValue(*flag, "", written));
      } else {
        DEIXIS_RETURN_IF_ERROR(Take(*flag, words[++i], written));
      }
    }
    return Ok();
  }

  Status TakeEnvironment() {
    Status status = Ok();
    ForEachFlag([&](const Flag& flag) {
      if (flag.environment.empty() || !status.ok() || arguments_.Has(flag.name)) return;
      const std::string name(flag.environment);
      auto value = environment_(name);
      if (!value.has_value()) return;
      status = CheckValue(flag, *value, "the environment variable " + name);
      Offer(flag, std::move(*value), ValueSource::kEnvironment);
    });
    return status;
  }

  Status TakeConfiguration() {
    std::string path;
    const bool named = arguments_.Has("config");
    path = named ? arguments_.Text("config") : DefaultConfigurationPath(environment_);
    if (path.empty()) return Ok();
    auto text = ReadTextFile(path, kMaxConfigurationBytes);
    if (!text.ok()) {
      if (!named && text.error().code == ErrorCode::kNotFound) return Ok();
      return std::move(text).error();
    }
    DEIXIS_ASSIGN(const auto settings, ParseConfiguration(*text, path));
    Status status = Ok();
    ForEachFlag([&](const Flag& flag) {
      if (flag.environment.empty() || !status.ok()) return;
      auto setting = settings.find(std::string(command_.name) + "." + std::string(flag.name));
      if (setting == settings.end()) setting = settings.find(std::string(flag.name));
      if (setting == settings.end()) return;
      status =
          CheckValue(flag, setting->second.value,
                     path + ":" + std::to_string(setting->second.line) + ": " + setting->first);
      Offer(flag, setting->second.value, ValueSource::kConfiguration);
    });
    return status;
  }

  const Command& command_;
  const EnvironmentLookup& environment_;
  Arguments arguments_;
};

Result<Arguments> ParseArguments(const Command& command, std::span<const std::string> words,
                                 const EnvironmentLookup& environment) {
  return ArgumentParser(command, environment).Parse(words);
}

}  // namespace deixis::cli
