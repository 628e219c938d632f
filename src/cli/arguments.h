// From argv, the environment and the configuration file to checked values.
//
// Each value comes from the first of: the command line, the flag's DEIXIS_* variable, the
// configuration file, the flag's default. All are checked here against the flag's record, so the
// getters below cannot fail.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace deixis::cli {

enum class ValueSource { kCommandLine, kEnvironment, kConfiguration, kDefault };

class Arguments {
 public:
  const Command& command() const { return *command_; }

  // True when the flag has a value, a default included.
  bool Has(std::string_view flag) const;
  // True when somebody gave it: not absent and not a default.
  bool Given(std::string_view flag) const;

  // The value of a flag that Has(); the flag must be one of the command's and of the fitting kind,
  // anything else ends the process.
  bool Switch(std::string_view flag) const;  // also when absent: false
  const std::string& Text(std::string_view flag) const;
  int64_t Integer(std::string_view flag) const;
  double Real(std::string_view flag) const;
  int64_t Bytes(std::string_view flag) const;
  std::vector<int> Integers(std::string_view flag) const;

  // The same with `values` in place of all that does not stand on the command line; a flag without
  // a value becomes absent. kUsage for a flag that the command lacks, or a value that does not fit
  // it.
  Result<Arguments> With(const std::map<std::string, std::optional<std::string>>& values) const;

  // Words that are not flags, as many as the command's record allows.
  const std::vector<std::string>& words() const { return words_; }

 private:
  friend class ArgumentParser;
  struct Value {
    std::string text;
    ValueSource source = ValueSource::kDefault;
  };
  const Value& ValueOf(std::string_view flag) const;

  const Command* command_ = nullptr;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> words_;
};

// The value of an environment variable, if it is set and not empty.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// `words` begins after the command's name. kUsage with a suggestion for anything that does not fit
// the command's record; kNotFound for a --config file that is not there.
Result<Arguments> ParseArguments(const Command& command, std::span<const std::string> words,
                                 const EnvironmentLookup& environment);

// $XDG_CONFIG_HOME/deixis/config, else $HOME/.config/deixis/config; empty without either.
std::string DefaultConfigurationPath(const EnvironmentLookup& environment);

// A number of bytes as kBytes describes it; nothing for anything else.
std::optional<int64_t> ParseBytes(std::string_view text);

// The parts of "a|b|c" or "a,b,c".
std::vector<std::string_view> Split(std::string_view text, char separator);

}  // namespace deixis::cli
