// The configuration file: one `name = value` per line, `#` comments. A name is that of a flag that
// has a DEIXIS_* variable; `command.name` sets it for one command only and wins over the plain one.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace deixis::cli {

struct Setting {
  std::string value;
  int line = 0;  // from 1
};

// By name as written. kUsage for a line that is neither a setting nor a comment, a name that no
// flag has (with a suggestion), or a name that stands twice; `path` is for the messages.
Result<std::map<std::string, Setting>> ParseConfiguration(std::string_view text,
                                                          const std::string& path);

}  // namespace deixis::cli
