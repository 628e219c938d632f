// `deixis train --method full`: starts deixis-train and shows how it gets on.
#pragma once

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"

namespace deixis::cli {

// Flags that only full training takes: kUsage when one is given with --method quick.
Status CheckNoFullTrainingFlags(const Arguments& arguments);

// The arguments of `deixis train`; DATA and --backbone have been looked at by deixis-train alone.
Status RunFullTraining(const Arguments& arguments, Console& console);

}  // namespace deixis::cli
