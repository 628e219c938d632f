#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

extern char** environ;

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxErrorBytes = 4096;
constexpr int kPipeBytes = 1 << 20;

struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

Error SystemError(const std::string& program, std::string_view what, int error_number) {
  return ResourceError(program + ": " + std::string(what) + ": " + std::strerror(error_number));
}

Result<Pipe> MakePipe(const std::string& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SystemError(program, "cannot make a pipe", errno);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// The input lies in an anonymous file: the child reads it or not as it likes, and nobody has to
// feed a pipe while reading from two others.
Result<Descriptor> MakeInput(const std::string& program, std::string_view input) {
  Descriptor file(::memfd_create("deixis-input", MFD_CLOEXEC));
  if (!file.is_open()) return SystemError(program, "cannot hold its input", errno);
  while (!input.empty()) {
    const ssize_t written = ::write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(program, "cannot hold its input", errno);
    input.remove_prefix(static_cast<size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return SystemError(program, "cannot hold its input", errno);
  }
  return file;
}

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

Error NoProgram(const std::string& name, std::string_view found) {
  return NotFound(name + ": expected a program in PATH, found " + std::string(found));
}

// `program` is the path of arguments[0].
Result<pid_t> Spawn(const std::string& program, const std::vector<std::string>& arguments,
                    int input, int output, int error) {
  SpawnSettings settings;
  posix_spawn_file_actions_adddup2(&settings.actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, error, STDERR_FILENO);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &defaults);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failure = ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes,
                                    argv.data(), environ);
  if (failure == 0) return pid;
  if (failure == ENOEXEC) return NoProgram(arguments[0], "a file that is none");
  return SystemError(arguments[0], "cannot start", failure);
}

// What there is to read, at most one block; false at the end of the stream.
bool Drain(const Descriptor& descriptor, std::vector<std::byte>& bytes) {
  std::array<std::byte, 65536> buffer;
  const ssize_t got = ::read(descriptor.get(), buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR;
  bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + got);
  return got > 0;
}

Error TimedOut(const std::string& program, const ChildLimits& limits) {
  return Error{ErrorCode::kDeviceUnavailable,
               program + ": expected to end within " + std::to_string(limits.timeout_ms) +
                   " ms, found it still running; it was stopped",
               "run the program by hand to see what it waits for"};
}

}  // namespace

std::optional<std::string> FindProgram(const std::string& name) {
  const auto may_run = [](const std::string& path) {
    struct stat facts = {};
    return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    return may_run(name) ? std::optional(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string there = (folder.empty() ? "." : folder) + "/" + name;
    if (may_run(there)) return there;
  }
  return std::nullopt;
}

Result<ChildProcess> ChildProcess::Start(const std::vector<std::string>& arguments,
                                         std::string_view input) {
  if (arguments.empty() || arguments[0].empty()) {
    return UsageError("program to run: expected a name, found nothing");
  }
  const std::string& program = arguments[0];
  // Before anything is started: where programs are emulated the child's failure is not told.
  const std::optional<std::string> path = FindProgram(program);
  if (!path) return NoProgram(program, "none");
  DEIXIS_ASSIGN(const Descriptor stdin_file, MakeInput(program, input));
  DEIXIS_ASSIGN(Pipe output, MakePipe(program));
  DEIXIS_ASSIGN(Pipe error, MakePipe(program));
  // Fewer changes between the two programs; less will do if the system allows no more.
  ::fcntl(output.reader.get(), F_SETPIPE_SZ, kPipeBytes);
  DEIXIS_ASSIGN(const pid_t pid,
                Spawn(*path, arguments, stdin_file.get(), output.writer.get(), error.writer.get()));
  return ChildProcess(program, pid, std::move(output.reader), std::move(error.reader));
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::Signal(int signal) const {
  if (pid_ >= 0) ::kill(-pid_, signal);
}

Result<ChildProcess::Reading> ChildProcess::Read(std::vector<std::byte>& bytes,
                                                 int64_t timeout_ms) {
  if (!output_.is_open() && !error_.is_open()) return Reading::kEnd;
  std::array<pollfd, 2> polls = {pollfd{output_.get(), POLLIN, 0}, pollfd{error_.get(), POLLIN, 0}};
  const int ready = ::poll(polls.data(), polls.size(), static_cast<int>(timeout_ms));
  if (ready < 0 && errno != EINTR) {
    return SystemError(program_, "cannot wait for its output", errno);
  }
  if (ready <= 0) return Reading::kNothing;
  if (polls[1].revents != 0) {
    std::vector<std::byte> complaint;
    if (!Drain(error_, complaint)) error_.Close();
    const std::string_view text(reinterpret_cast<const char*>(complaint.data()), complaint.size());
    stderr_text_ += text.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, stderr_text_.size()));
  }
  if (polls[0].revents != 0 && !Drain(output_, bytes)) output_.Close();
  return Reading::kSome;
}

std::optional<int> ChildProcess::Wait(int64_t timeout_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  auto pause = std::chrono::microseconds(100);
  while (pid_ >= 0) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      pid_ = -1;
      exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (ended < 0 && errno != EINTR) {  // somebody else collected it
      pid_ = -1;
    } else if (Clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(10'000));
    }
  }
  return exit_status_;
}

Result<ChildOutput> RunChild(const std::vector<std::string>& arguments, std::string_view input,
                             const ChildLimits& limits) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(limits.timeout_ms);
  const auto left_ms = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  };
  DEIXIS_ASSIGN(ChildProcess child, ChildProcess::Start(arguments, input));
  ChildOutput result;
  for (;;) {
    if (left_ms() <= 0) return TimedOut(arguments[0], limits);
    DEIXIS_ASSIGN(const auto reading, child.Read(result.stdout_bytes, left_ms()));
    if (reading == ChildProcess::Reading::kEnd) break;
    if (result.stdout_bytes.size() > limits.max_output_bytes) {
      return Error{ErrorCode::kDeviceUnavailable,
                   arguments[0] + ": expected at most " + std::to_string(limits.max_output_bytes) +
                       " bytes of output, found more; it was stopped",
                   "choose a shorter text or another program"};
    }
  }
  const std::optional<int> exit_status = child.Wait(std::max<int64_t>(left_ms(), 0));
  if (!exit_status) return TimedOut(arguments[0], limits);
  result.exit_status = *exit_status;
  result.stderr_text = child.stderr_text();
  return result;
}

}  // namespace deixis
