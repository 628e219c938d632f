// What the command line consists of, as data: one record per flag and per command. The parser, the
// help texts, the man page, the shell completions, the DEIXIS_* variables and the configuration
// file are all read from these records, so they cannot disagree.
#pragma once

#include <limits>
#include <span>
#include <string_view>

#include "base/result.h"

namespace deixis::cli {

class Arguments;
class Console;

// What a value must look like. It is checked before the command runs.
enum class ValueKind {
  kSwitch,   // takes no value
  kText,     // anything but nothing
  kFile,     // a path; shells complete it
  kFolder,   // a path of a folder; shells complete it
  kChoice,   // one of `allowed`
  kInteger,  // within minimum..maximum
  kReal,     // within minimum..maximum
  kBytes,    // "6100000", "900k", "6.1MB" (powers of 1000), "4MiB" (powers of 1024)
  kIntegers  // "2,3,8,16", each within minimum..maximum, none twice
};

struct Flag {
  std::string_view name;  // without the dashes: "out"
  char letter = '\0';     // the short form, if any
  ValueKind kind = ValueKind::kSwitch;
  std::string_view value_name = {};  // "FILE"; empty for a switch
  std::string_view help = {};        // one sentence, no full stop
  // As a user would type it. Empty: the flag is absent unless given, and `default_note` may say
  // what that means ("all processors").
  std::string_view default_value = {};
  std::string_view default_note = {};
  // A flag with a variable is a setting: it may also stand in the configuration file.
  std::string_view environment = {};
  std::string_view allowed = {};  // kChoice: "row|group|tensor"
  std::string_view example = {};  // a value, for the man page: "16"
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool required = false;
};

struct Positional {
  std::string_view name;  // "MODEL"
  ValueKind kind = ValueKind::kFile;
  std::string_view help = {};
  bool optional = false;
  bool repeated = false;          // one or more (none or more when optional); only the last may be
  std::string_view allowed = {};  // kChoice
};

struct Example {
  std::string_view command;  // without "deixis "
  std::string_view effect;   // what it does, in a few words
};

struct Command {
  std::string_view name;
  std::string_view summary;      // one line, no full stop
  std::string_view description;  // paragraphs, wrapped where they are shown
  std::span<const Positional> positionals;
  std::span<const Flag> flags;  // its own; every command also takes kCommonFlags
  std::span<const Example> examples;
  Status (*run)(const Arguments& arguments, Console& console);
};

// Flags that every command takes.
std::span<const Flag> CommonFlags();
// In the order in which help lists them.
std::span<const Command* const> Commands();
const Command* FindCommand(std::string_view name);
// The flag of that name among those of `command` (may be null) and the common ones.
const Flag* FindFlag(const Command* command, std::string_view name);

}  // namespace deixis::cli
