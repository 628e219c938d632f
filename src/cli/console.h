// The two streams of a command: results on stdout, once and whole, when the command has ended;
// progress on stderr meanwhile.
//
// With --json, stdout is exactly one JSON object: the result, or {"schema": 1, "error": {"code",
// "message", "remedy"}}, or a result with an "error" in it where something was measured and missed
// its threshold. Nothing but progress goes to stderr then. Without --json an error is two lines on
// stderr: "deixis: error: MESSAGE" and the remedy.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/text.h"

namespace deixis::cli {

using Json = nlohmann::ordered_json;

inline constexpr int kJsonSchema = 1;

struct ConsoleOptions {
  bool json = false;
  bool quiet = false;          // no progress
  bool styled_output = false;  // colours on stdout
  bool styled_errors = false;  // colours and a moving progress bar on stderr
  int error_columns = 80;      // width of the terminal on stderr
};

class Console {
 public:
  explicit Console(const ConsoleOptions& options) : options_(options) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  bool json() const { return options_.json; }
  Style style() const { return Style(options_.styled_output); }

  // Adds to the result for people. Kept until Finish().
  void Print(std::string_view text) { text_ += text; }
  // Sets the result for programs; "schema" and "command" are put in front of it.
  void SetResult(std::string_view command, Json result);

  // A line on stderr about something that went on although it was not as it should be.
  void Warn(const std::string& message);

  // How far a long task is. On a terminal a bar that moves in place, elsewhere a line every few
  // seconds. `total` 0 when it is not known. May be called from one thread at a time.
  void Progress(std::string_view task, int64_t done, int64_t total);
  // The same where only a share (0..1) is known; `detail` says what is being worked on.
  void ProgressShare(std::string_view task, double share, std::string_view detail);
  // Removes the bar, so that what comes next starts at the margin.
  void EndProgress();

  // Writes the result and the error, if any, and returns the exit code of the program. A stdout
  // that takes no more (a full disk) is kResources; a reader that has gone is not an error.
  int Finish(const Status& status);

 private:
  int ExitCode(const Status& status) const;
  void ShowProgress(std::string_view task, double share, const std::string& detail);

  ConsoleOptions options_;
  std::string text_;
  std::optional<Json> result_;
  // Progress.
  std::string task_;
  std::chrono::steady_clock::time_point task_start_;
  std::chrono::steady_clock::time_point last_shown_;
  bool bar_is_shown_ = false;
};

// "NOT_FOUND" and so on: the name of an exit code in JSON.
std::string_view ErrorCodeName(ErrorCode code);
// The double that a float's shortest decimal stands for: 0.485f is 0.485, not 0.48500001430511475.
double ShortestDouble(float value);
// {"schema": 1, "error": {...}}
Json ErrorDocument(const Error& error);

// Writes everything or fails; interrupted writes are continued.
Status WriteToDescriptor(int descriptor, std::string_view text);

}  // namespace deixis::cli
