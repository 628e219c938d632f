// The program as a function: words in, exit code out.
#pragma once

#include <span>
#include <string>

namespace deixis::cli {

// `words` is argv without the program's name. Catches every exception; writes to stdout and stderr;
// returns the exit code.
int RunProgram(std::span<const std::string> words);

}  // namespace deixis::cli
