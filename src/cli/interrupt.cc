#include "cli/interrupt.h"

#include <cxxabi.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <vector>

#include "base/result.h"
#include "cli/console.h"

namespace deixis::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReserveBytes = 64 * 1024;

struct State {
  InterruptOptions options;
  int wake_pipe[2] = {-1, -1};
  std::atomic<bool> interrupted{false};
  int end_pipe[2] = {-1, -1};  // of WaitForInterrupt; the first signal goes there
  std::atomic<bool> ends_by_itself{false};
  std::mutex mutex;  // guards outputs
  std::vector<std::string> outputs;
  // Given back when memory has run out, so that what is left to do has some.
  std::unique_ptr<char[]> reserve = std::make_unique<char[]>(kReserveBytes);
};

// Never destroyed: the waiting thread outlives main's locals.
State& TheState() {
  static State* state = new State;
  return *state;
}

// Only what a signal handler may do.
void WakeOnSignal(int signal_number) {
  const int saved_errno = errno;
  const char byte = static_cast<char>(signal_number);
  // A full pipe means that it has been woken already.
  (void)!write(TheState().wake_pipe[1], &byte, 1);
  errno = saved_errno;
}

// Removes "NAME.tmp-<pid>" of every declared output.
void RemoveTemporaryFiles() {
  const std::string suffix = ".tmp-" + std::to_string(getpid());
  std::vector<std::string> outputs;
  {
    const std::lock_guard lock(TheState().mutex);
    outputs = TheState().outputs;
  }
  for (const std::string& output : outputs) {
    std::error_code ignored;
    if (!fs::is_directory(output, ignored)) {
      fs::remove_all(output + suffix, ignored);
      continue;
    }
    for (fs::directory_iterator entry(output, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
      std::error_code also_ignored;
      if (entry->path().native().ends_with(suffix)) fs::remove(entry->path(), also_ignored);
    }
  }
}

[[noreturn]] void EndWith(const Error& error) {
  const InterruptOptions& options = TheState().options;
  if (options.has_terminal) (void)WriteToDescriptor(STDERR_FILENO, "\r\x1b[K");
  if (options.json) {
    (void)WriteToDescriptor(STDOUT_FILENO, ErrorDocument(error).dump(2) + "\n");
  } else {
    (void)WriteToDescriptor(STDERR_FILENO, "deixis: error: " + error.message + "\n" +
                                               (error.remedy.empty() ? "" : "  ") + error.remedy +
                                               (error.remedy.empty() ? "" : "\n"));
  }
  _exit(static_cast<int>(error.code));
}

bool ReadSignal() {
  char byte = 0;
  ssize_t count = 0;
  do {
    count = read(TheState().wake_pipe[0], &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

void WaitForSignal() {
  if (!ReadSignal()) return;
  if (TheState().ends_by_itself) {
    (void)!write(TheState().end_pipe[1], "", 1);
    if (!ReadSignal()) return;
  }
  TheState().interrupted = true;
  RemoveTemporaryFiles();
  EndWith(Error{ErrorCode::kInterrupted, "interrupted",
                "nothing was left half written; files that were complete before are as they were"});
}

[[noreturn]] void EndOutOfMemory() {
  TheState().reserve.reset();
  try {
    RemoveTemporaryFiles();
  } catch (const std::bad_alloc&) {
    // A file that is left over has a name of its own and is in nobody's way.
  }
  static constexpr std::string_view kMessage =
      "deixis: error: out of memory\n  free some memory, or use fewer threads or pictures\n";
  static constexpr std::string_view kJsonMessage =
      "{\"schema\": 1, \"error\": {\"code\": 9, \"name\": \"resources\", \"message\": "
      "\"out of memory\", \"remedy\": \"Free some memory, or use fewer threads or "
      "pictures.\"}}\n";
  if (TheState().options.json) {
    (void)!write(STDOUT_FILENO, kJsonMessage.data(), kJsonMessage.size());
  } else {
    (void)!write(STDERR_FILENO, kMessage.data(), kMessage.size());
  }
  _exit(static_cast<int>(ErrorCode::kResources));
}

// An exception that nobody catches comes from a thread of a pool: end as main() would have.
[[noreturn]] void EndOnUncaughtException() {
  // Where memory has run out several threads come at once; one speaks for all.
  static std::atomic_flag has_come;
  while (has_come.test_and_set()) pause();
  // Catching it again, to look at it, would take memory.
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type != nullptr && *type == typeid(std::bad_alloc)) EndOutOfMemory();
  RemoveTemporaryFiles();
  std::string what = "ended unexpectedly";
  if (const std::exception_ptr current = std::current_exception()) {
    try {
      std::rethrow_exception(current);
    } catch (const std::exception& exception) {
      what = exception.what();
    } catch (...) {
      what = "an unknown exception";
    }
  }
  EndWith(InternalError(what, "this is a bug of deixis: please report it with the command line"));
}

}  // namespace

void InstallInterruptHandling(const InterruptOptions& options) {
  State& state = TheState();
  state.options = options;
  std::set_terminate(EndOnUncaughtException);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  if (pipe(state.wake_pipe) != 0) return;  // without it, signals do what they do by default
  std::thread(WaitForSignal).detach();
  struct sigaction wake = {};
  wake.sa_handler = WakeOnSignal;
  wake.sa_flags = SA_RESTART;
  for (const int signal_number : {SIGINT, SIGTERM}) {
    // A shell starts background jobs with SIGINT ignored: leave it so.
    struct sigaction before = {};
    sigaction(signal_number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal_number, &wake, nullptr);
  }
}

bool WaitForInterrupt(int wake) {
  State& state = TheState();
  if (state.end_pipe[0] < 0 && pipe(state.end_pipe) != 0) return true;
  state.ends_by_itself = true;
  pollfd waiting[] = {{.fd = state.end_pipe[0], .events = POLLIN, .revents = 0},
                      {.fd = wake, .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(waiting, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return true;
    }
    if (waiting[0].revents != 0) return true;
    if (waiting[1].revents != 0) return false;
  }
}

void YieldToInterrupt() {
  while (TheState().interrupted) pause();
}

void DeclareOutput(const std::string& path) {
  const std::lock_guard lock(TheState().mutex);
  TheState().outputs.push_back(path);
}

}  // namespace deixis::cli
