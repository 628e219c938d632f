// A trainer that is played by a shell: what it says arrives, what it ends with is understood.
#include "pipeline/trainer_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::string> Play(const std::string& script, const TrainerHooks& hooks = {}) {
  return RunTrainer("/bin/sh", {"-c", script}, hooks);
}

TEST(RunTrainer, GivesEachLineAndReturnsTheLast) {
  std::vector<std::string> lines;
  const auto last = Play(
      "printf '{\"event\":'; sleep 0.05; printf '\"a\"}\\nb\\n'; printf 'c\\n'",
      {.on_line = [&](std::string_view line) { lines.emplace_back(line); }, .is_cancelled = {}});
  ASSERT_TRUE(last.ok());
  EXPECT_THAT(lines, ElementsAre("{\"event\":\"a\"}", "b", "c"));
  EXPECT_EQ(*last, "c");
}

TEST(RunTrainer, TakesTheErrorThatWasWritten) {
  const auto failed = Play(
      "echo noise >&2; echo 'error: training: it diverged' >&2; echo '  help: be slow' >&2; exit "
      "4");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalidData);
  EXPECT_EQ(failed.error().message, "training: it diverged");
  EXPECT_EQ(failed.error().remedy, "be slow");
}

TEST(RunTrainer, SaysWhatKilledIt) {
  const auto killed = Play("kill -9 $$");
  ASSERT_FALSE(killed.ok());
  EXPECT_EQ(killed.error().code, ErrorCode::kResources);
  EXPECT_THAT(killed.error().message, HasSubstr("memory"));
  const auto crashed = Play("kill -SEGV $$");
  ASSERT_FALSE(crashed.ok());
  EXPECT_EQ(crashed.error().code, ErrorCode::kInternal);
  EXPECT_THAT(crashed.error().message, HasSubstr("139"));
}

TEST(RunTrainer, PassesACancelOn) {
  int asked = 0;
  const auto cancelled =
      Play("trap 'echo \"error: interrupted\" >&2; exit 130' TERM; while :; do sleep 0.05; done",
           {.on_line = {}, .is_cancelled = [&] { return ++asked > 1; }});
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, ErrorCode::kInterrupted);
}

TEST(FindTrainer, GoesByTheVariableFirst) {
  ::setenv("DEIXIS_TRAINER", "/bin/sh", 1);
  EXPECT_EQ(FindTrainer().value(), "/bin/sh");
  ::setenv("DEIXIS_TRAINER", "/no/such/program", 1);
  ASSERT_FALSE(FindTrainer().ok());
  EXPECT_EQ(FindTrainer().error().code, ErrorCode::kNotFound);
  ::unsetenv("DEIXIS_TRAINER");
}

}  // namespace
}  // namespace deixis
