// deixis-train as a child of this program: its own process, so that LibTorch's memory and its
// failures stay out of everything else. What it is asked and what it says is docs/training.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis {

// DEIXIS_TRAINER names it; else it lies beside this program, or in PATH. kNotFound with what to
// install or build.
Result<std::string> FindTrainer();

struct TrainerHooks {
  // Each line that it says, one JSON object without the line's end. May be empty.
  std::function<void(std::string_view line)> on_line;
  // Asked several times a second; true ends the training, which keeps its last good model. May be
  // empty.
  std::function<bool()> is_cancelled;
};

// Runs `program` with `arguments` to its end and returns the last line it said. An exit code other
// than 0 is the Error that it stands for, with the message and remedy that the program wrote;
// kResources when the system killed it, as it does when memory runs out.
Result<std::string> RunTrainer(const std::string& program,
                               const std::vector<std::string>& arguments,
                               const TrainerHooks& hooks);

}  // namespace deixis
