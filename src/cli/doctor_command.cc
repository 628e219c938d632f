// `deixis doctor`: what this machine has, what it lacks, and what to do about that.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "base/thread_pool.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "cli/speak.h"
#include "format/printable.h"
#include "kernels/targets.h"
#include "network/model.h"
#include "pipeline/demo.h"
#include "speech/audio_out.h"
#include "speech/voice.h"

namespace deixis::cli {
namespace {

namespace fs = std::filesystem;

enum class Finding { kOk, kMissing };

struct Check {
  std::string name;
  Finding finding = Finding::kOk;
  std::string detail = {};
  std::string remedy = {};
};

// The first line of /proc/cpuinfo that names the processor.
std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name") && !line.starts_with("Model")) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

Check CheckProcessor() {
  std::string others;
  const auto targets = SupportedKernelTargets();
  for (const KernelTarget& target : targets) {
    others += (others.empty() ? "" : ", ") + target.name;
  }
  return {.name = "processor",
          .detail = ProcessorName() + "; kernels: " + CurrentKernelTarget().name + " (of " +
                    others + ")"};
}

Check CheckThreads() {
  const int processors = ThreadPool::AvailableProcessors();
  return {.name = "threads",
          .detail = std::to_string(processors) + " processor" + (processors == 1 ? "" : "s") +
                    " for this process"};
}

// A line of /proc/meminfo, in bytes; -1 when it is not there.
int64_t MemoryBytes(std::string_view key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    long long kilobytes = 0;
    if (std::sscanf(line.c_str() + key.size(), ": %lld kB", &kilobytes) == 1) {
      return kilobytes * 1024;
    }
  }
  return -1;
}

Check CheckMemory() {
  constexpr int64_t kLeastBytes = int64_t{256} << 20;
  const int64_t available = MemoryBytes("MemAvailable");
  const int64_t total = MemoryBytes("MemTotal");
  if (available < 0 || total < 0) {
    return {"memory", Finding::kMissing, "cannot be told", "/proc/meminfo is not readable"};
  }
  Check check{.name = "memory",
              .detail = FormatBytes(available) + " free of " + FormatBytes(total)};
  if (available < kLeastBytes) {
    check.finding = Finding::kMissing;
    check.remedy = "compressing wants some 300 MB: end other programs, or use --threads 1";
  }
  return check;
}

Check CheckVoice(const Arguments& arguments) {
  const std::string& command = arguments.Text("voice");
  VoiceOptions options;
  options.command = WordsOf(command);
  if (options.command.empty()) {
    return {"voice", Finding::kMissing, "--voice is empty", "name a command"};
  }
  const auto sound = Synthesize("ok", options);
  if (!sound.ok()) {
    return {"voice", Finding::kMissing, sound.error().message, sound.error().remedy};
  }
  return {.name = "voice",
          .detail = command + ": " + std::to_string(sound->sample_rate_hz) + " Hz"};
}

Check CheckSound() {
  // Beside real cards, ALSA lists plug-ins that exist everywhere; a card has a playback node.
  std::error_code error;
  bool has_card = false;
  for (fs::directory_iterator entry("/dev/snd", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    has_card = has_card || (name.starts_with("pcm") && name.ends_with("p"));
  }
  if (!has_card) {
    return {"sound", Finding::kMissing, "no playback device",
            "plug one in, or write a file instead: --audio file:OUT.wav"};
  }
  const auto devices = ListAudioDevices();
  std::string detail =
      std::to_string(devices.size()) + " playback device" + (devices.size() == 1 ? "" : "s");
  if (!devices.empty()) detail += ", first: " + devices.front().name;
  return {.name = "sound", .detail = detail};
}

Check CheckCameras() {
  std::vector<std::string> cameras;
  std::vector<std::string> locked;
  std::error_code error;
  for (fs::directory_iterator entry("/dev", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path();
    if (!entry->path().filename().native().starts_with("video")) continue;
    (access(path.c_str(), R_OK | W_OK) == 0 ? cameras : locked).push_back(path);
  }
  if (cameras.empty() && !locked.empty()) {
    return {"camera", Finding::kMissing, locked.front() + " may not be opened",
            "add yourself to the group video and log in again"};
  }
  if (cameras.empty()) {
    return {"camera", Finding::kMissing, "no /dev/video*",
            "plug a USB camera in; pictures from files work without one"};
  }
  std::string detail = {};
  for (const std::string& camera : cameras) detail += (detail.empty() ? "" : ", ") + camera;
  return {.name = "camera", .detail = detail};
}

Check CheckDemoModel() {
  const auto path = FindDemoModel();
  if (!path.ok()) {
    return {"demo model", Finding::kMissing, path.error().message, path.error().remedy};
  }
  const auto model = LoadModel(*path);
  if (!model.ok()) {
    return {"demo model", Finding::kMissing, model.error().message, "install Deixis again"};
  }
  return {.name = "demo model",
          .detail = *path + ": " + model->architecture.name + ", " +
                    Counted(model->architecture.num_outputs, "output")};
}

Status RunDoctor(const Arguments& arguments, Console& console) {
  const std::vector<Check> checks = {CheckProcessor(),      CheckThreads(), CheckMemory(),
                                     CheckVoice(arguments), CheckSound(),   CheckCameras(),
                                     CheckDemoModel()};
  const Style style = console.style();
  Table table({{"", Align::kLeft}, {"", Align::kLeft}, {"", Align::kLeft}});
  Json list = Json::array();
  int num_missing = 0;
  for (const Check& check : checks) {
    const bool ok = check.finding == Finding::kOk;
    if (!ok) ++num_missing;
    std::string text = Printable(check.detail);
    if (!check.remedy.empty()) text += ": " + Printable(check.remedy);
    table.AddRow({ok ? style.Green("ok") : style.Yellow("missing"), check.name, text});
    Json entry{{"name", check.name}, {"ok", ok}, {"detail", check.detail}};
    if (!check.remedy.empty()) entry["remedy"] = check.remedy;
    list.push_back(std::move(entry));
  }
  console.Print(table.Render(style));
  console.SetResult("doctor", Json{{"missing", num_missing}, {"checks", std::move(list)}});
  return Ok();
}

constexpr Flag kFlags[] = {kVoiceFlag};
constexpr Example kExamples[] = {
    {"doctor", "one line for each part"},
    {"doctor --json", "the same for programs"},
};

}  // namespace

constinit const Command kDoctorCommand = {
    .name = "doctor",
    .summary = "what this machine has, what it lacks, and what to do",
    .description =
        "Looks at the processor, memory, voice, sound, cameras and the demo's network. Missing "
        "parts are no failure: the exit code is 0 and --json gives their number.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunDoctor,
};

}  // namespace deixis::cli
