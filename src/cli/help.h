// Everything that explains the program, made from the records of command.h.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/text.h"

namespace deixis::cli {

std::string_view Version();

// The list of commands, for `deixis` and `deixis --help`.
std::string OverviewText(const Style& style, int columns);
// Usage, arguments, flags and examples of one command.
std::string CommandHelpText(const Command& command, const Style& style, int columns);
// The settings: names, variables and the configuration file.
std::string SettingsHelpText(const Style& style, int columns);
// The exit codes.
std::string ExitCodesHelpText(const Style& style, int columns);

// The records themselves, for programs.
Json CommandJson(const Command& command);
Json CatalogueJson();

// deixis(1), in the macros of man(7).
std::string ManPage();

// Scripts that complete commands, flags, their allowed values and files.
std::string BashCompletion();
std::string ZshCompletion();

}  // namespace deixis::cli
