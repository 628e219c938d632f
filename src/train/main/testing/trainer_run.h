// deixis-train as others start it: its exit code and what it wrote.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/child_process.h"

namespace deixis::testing {

struct Finished {
  int exit_status = -1;
  std::string out;
  std::string err;
};

inline Finished Start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), DEIXIS_TRAIN_PROGRAM);
  const auto child = RunChild(arguments, "", {.timeout_ms = 300'000});
  EXPECT_TRUE(child.ok()) << child.error().message;
  Finished run;
  run.exit_status = child->exit_status;
  run.out.assign(reinterpret_cast<const char*>(child->stdout_bytes.data()),
                 child->stdout_bytes.size());
  run.err = child->stderr_text;
  return run;
}

}  // namespace deixis::testing
