// What a recorded session was run with, in settings.json beside its pictures: enough to decide the
// same again.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/console.h"

namespace deixis::cli {

struct RunModels {
  std::string pointer_path;
  std::string objects_path;
};

// Into `folder`, whole or not at all.
Status WriteRecordedSettings(const std::string& folder, const Arguments& arguments,
                             const RunModels& models);

// `arguments` with what the recording was made with in place of all that does not stand on the
// command line. Warns about each flag there that says something else, and about a model that has
// changed. kNotFound without settings.json, kInvalidData for one that cannot be.
Result<Arguments> WithRecordedSettings(const std::string& folder, const Arguments& arguments,
                                       Console& console);

}  // namespace deixis::cli
