#include "pipeline/trainer_program.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/child_process.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "deixis-train";
constexpr int64_t kPollMs = 200;
// After a cancel: a step on a slow machine takes seconds.
constexpr int64_t kEndMs = 60'000;

ErrorCode CodeOf(int exit_status) {
  switch (exit_status) {
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 130:
      return static_cast<ErrorCode>(exit_status);
    case 128 + SIGKILL:
      return ErrorCode::kResources;
    default:
      return ErrorCode::kInternal;
  }
}

// "error: MESSAGE" and "  help: REMEDY" among what it wrote to its standard error.
Error ErrorOf(int exit_status, const std::string& text) {
  Error error{CodeOf(exit_status), "", ""};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("error: ")) error.message = line.substr(7);
    if (line.starts_with("  help: ")) error.remedy = line.substr(8);
  }
  if (!error.message.empty()) return error;
  if (exit_status == 128 + SIGKILL) {
    error.message = "training: deixis-train was killed, most likely because memory ran out";
    error.remedy = "use a smaller batch or input, or freeze stages; --resume goes on";
    return error;
  }
  error.message = "training: deixis-train ended with " + std::to_string(exit_status) +
                  (text.empty() ? "" : ": " + text.substr(0, text.find('\n')));
  return error;
}

// Cuts what has come into lines.
class Lines {
 public:
  explicit Lines(const TrainerHooks& hooks) : hooks_(hooks) {}

  void Add(const std::vector<std::byte>& bytes) {
    rest_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      last_ = rest_.substr(0, end);
      rest_.erase(0, end + 1);
      if (hooks_.on_line) hooks_.on_line(last_);
    }
  }
  const std::string& last() const { return last_; }

 private:
  const TrainerHooks& hooks_;
  std::string rest_;
  std::string last_;
};

}  // namespace

Result<std::string> FindTrainer() {
  if (const char* named = std::getenv("DEIXIS_TRAINER"); named != nullptr && *named != '\0') {
    if (const auto path = FindProgram(named)) return *path;
    return NotFound("DEIXIS_TRAINER: " + std::string(named) + ": expected a program, found none");
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    if (const auto beside = FindProgram((self.parent_path() / kName).string())) return *beside;
  }
  if (const auto in_path = FindProgram(kName)) return *in_path;
  return NotFound("deixis-train: expected it beside deixis or in PATH, found it in neither",
                  "install libtorch-dev and libcli11-dev and build again, or teach quickly "
                  "(--method quick), which needs neither");
}

Result<std::string> RunTrainer(const std::string& program,
                               const std::vector<std::string>& arguments,
                               const TrainerHooks& hooks) {
  std::vector<std::string> command = {program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  DEIXIS_ASSIGN(ChildProcess child, ChildProcess::Start(command));
  Lines lines(hooks);
  bool is_cancelled = false;
  while (true) {
    std::vector<std::byte> bytes;
    DEIXIS_ASSIGN(const ChildProcess::Reading reading, child.Read(bytes, kPollMs));
    lines.Add(bytes);
    if (reading == ChildProcess::Reading::kEnd) break;
    if (!is_cancelled && hooks.is_cancelled && hooks.is_cancelled()) {
      is_cancelled = true;
      child.Signal(SIGTERM);
    }
  }
  const std::optional<int> status = child.Wait(kEndMs);
  if (!status) return InternalError("training: deixis-train closed its output and did not end");
  if (*status != 0) return ErrorOf(*status, child.stderr_text());
  return lines.last();
}

}  // namespace deixis
