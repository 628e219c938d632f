#include "speech/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

extern char** environ;

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxErrorBytes = 4096;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    return *this;
  }
  ~Descriptor() { Close(); }
  void Close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  int get() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

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

// A running child in a process group of its own; ended and collected by the destructor at the
// latest.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  // The exit status once it has ended, nothing at the deadline.
  std::optional<int> Wait(Clock::time_point deadline) {
    auto pause = std::chrono::microseconds(100);
    while (true) {
      int status = 0;
      const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) {
        pid_ = -1;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      }
      if (ended < 0 && errno != EINTR) {  // somebody else collected it
        pid_ = -1;
        return 0;
      }
      if (Clock::now() >= deadline) return std::nullopt;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(10'000));
    }
  }

 private:
  pid_t pid_;
};

Result<Child> Spawn(const std::vector<std::string>& arguments, int input, int output, int error) {
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
  const int failure =
      ::posix_spawnp(&pid, argv[0], &settings.actions, &settings.attributes, argv.data(), environ);
  if (failure == 0) return Child(pid);
  if (failure == ENOENT || failure == EACCES || failure == ENOTDIR || failure == ENOEXEC) {
    return NotFound(arguments[0] +
                    ": expected a program in PATH, found: " + std::strerror(failure));
  }
  return SystemError(arguments[0], "cannot start", failure);
}

// What there is to read; false at the end of the stream.
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

Result<ChildOutput> RunChild(const std::vector<std::string>& arguments, std::string_view input,
                             const ChildLimits& limits) {
  if (arguments.empty() || arguments[0].empty()) {
    return UsageError("program to run: expected a name, found nothing");
  }
  const std::string& program = arguments[0];
  const auto deadline = Clock::now() + std::chrono::milliseconds(limits.timeout_ms);
  DEIXIS_ASSIGN(const Descriptor stdin_file, MakeInput(program, input));
  DEIXIS_ASSIGN(Pipe output, MakePipe(program));
  DEIXIS_ASSIGN(Pipe error, MakePipe(program));
  DEIXIS_ASSIGN(Child child,
                Spawn(arguments, stdin_file.get(), output.writer.get(), error.writer.get()));
  output.writer.Close();
  error.writer.Close();

  ChildOutput result;
  std::vector<std::byte> error_bytes;
  while (output.reader.is_open() || error.reader.is_open()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return TimedOut(program, limits);
    std::array<pollfd, 2> polls = {pollfd{output.reader.get(), POLLIN, 0},
                                   pollfd{error.reader.get(), POLLIN, 0}};
    if (::poll(polls.data(), polls.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
      return SystemError(program, "cannot wait for its output", errno);
    }
    if (polls[0].revents != 0 && !Drain(output.reader, result.stdout_bytes)) output.reader.Close();
    if (polls[1].revents != 0 && !Drain(error.reader, error_bytes)) error.reader.Close();
    if (result.stdout_bytes.size() > limits.max_output_bytes) {
      return Error{ErrorCode::kDeviceUnavailable,
                   program + ": expected at most " + std::to_string(limits.max_output_bytes) +
                       " bytes of output, found more; it was stopped",
                   "choose a shorter text or another program"};
    }
    error_bytes.resize(std::min(error_bytes.size(), kMaxErrorBytes));
  }
  const std::optional<int> exit_status = child.Wait(deadline);
  if (!exit_status) return TimedOut(program, limits);
  result.exit_status = *exit_status;
  result.stderr_text.assign(reinterpret_cast<const char*>(error_bytes.data()), error_bytes.size());
  return result;
}

}  // namespace deixis
