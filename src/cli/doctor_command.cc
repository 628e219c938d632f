// `deixis doctor`: what this machine has, what it lacks, and what to do about that.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/thread_pool.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "cli/speak.h"
#include "format/printable.h"
#include "kernels/targets.h"
#include "network/model.h"
#include "pipeline/shipped_models.h"
#include "speech/audio_out.h"
#include "speech/voice.h"
#include "vision/camera/v4l2_device.h"
#include "vision/camera/video_nodes.h"

namespace deixis::cli {
namespace {

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
  const auto options = VoiceOf(arguments);
  if (!options.ok()) {
    return {"voice", Finding::kMissing, options.error().message, options.error().remedy};
  }
  const auto sound = Synthesize("ok", *options);
  if (!sound.ok()) {
    return {"voice", Finding::kMissing, sound.error().message, sound.error().remedy};
  }
  return {.name = "voice",
          .detail = arguments.Text("voice") + ": " + std::to_string(sound->sample_rate_hz) + " Hz"};
}

Check CheckSound() {
  const std::vector<SoundCard> cards = ListSoundCards();
  if (cards.empty()) {
    return {"sound", Finding::kMissing, "no playback device",
            "plug one in, or write a file instead: --audio file:OUT.wav"};
  }
  std::string detail;
  for (const SoundCard& card : cards) {
    detail += (detail.empty() ? "" : ", ") + card.card + " (alsa:" + card.name + ")";
  }
  return {.name = "sound", .detail = detail};
}

Check CheckCameras() {
  std::string detail;
  std::optional<Error> refused;
  for (const camera::VideoNode& node : camera::ListVideoNodes()) {
    const auto device = camera::V4l2Device::Open(node.path);
    // A node of metadata, or of a radio, is no camera.
    if (!device.ok() && device.error().code == ErrorCode::kInvalidData) continue;
    if (device.ok() && camera::ChooseMode(device->Modes(), {})) {
      detail += (detail.empty() ? "" : ", ") + node.name + " (" + node.path + ")";
    } else if (!refused) {
      refused = device.ok() ? Error{ErrorCode::kDeviceUnavailable,
                                    node.path + ": no YUYV or MJPEG pictures", "try another camera"}
                            : device.error();
    }
  }
  if (!detail.empty()) return {.name = "camera", .detail = detail};
  if (refused) return {"camera", Finding::kMissing, refused->message, refused->remedy};
  return {"camera", Finding::kMissing, "none is plugged in",
          "plug a USB camera in; cameras on the network and pictures from files work without one"};
}

// Not everybody needs it.
Check CheckFfmpeg() {
  const auto run = RunChild({"ffmpeg", "-hide_banner", "-version"}, "", {.timeout_ms = 5000});
  if (!run.ok() || run->exit_status != 0) {
    return {
        .name = "video",
        .detail = "no ffmpeg: rtsp:// cameras and video files need it (apt-get install ffmpeg)"};
  }
  std::string version(reinterpret_cast<const char*>(run->stdout_bytes.data()),
                      run->stdout_bytes.size());
  version.resize(std::min(version.find(" Copyright"), version.find('\n')));
  return {.name = "video", .detail = version};
}

Check CheckModels() {
  std::string detail;
  for (const std::string_view name : {kShippedBackbone, kShippedPointer, kShippedObjects}) {
    const auto path = FindShippedModel(name);
    if (!path.ok()) {
      return {"models", Finding::kMissing, path.error().message, "install Deixis again"};
    }
    const auto model = LoadModel(*path);
    if (!model.ok()) {
      return {"models", Finding::kMissing, model.error().message, "install Deixis again"};
    }
    detail += (detail.empty() ? "" : ", ") + *path;
  }
  return {.name = "models", .detail = detail};
}

Status RunDoctor(const Arguments& arguments, Console& console) {
  const std::vector<Check> checks = {CheckProcessor(),      CheckThreads(), CheckMemory(),
                                     CheckVoice(arguments), CheckSound(),   CheckCameras(),
                                     CheckFfmpeg(),         CheckModels()};
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

constexpr Flag kFlags[] = {kVoiceFlag, kLanguageFlag, kRateFlag};
constexpr Example kExamples[] = {
    {"doctor", "one line for each part"},
    {"doctor --json", "the same for programs"},
};

}  // namespace

constinit const Command kDoctorCommand = {
    .name = "doctor",
    .summary = "what this machine has, what it lacks, and what to do",
    .description =
        "Looks at the processor, memory, voice, sound, cameras and the models that come with "
        "Deixis. Missing "
        "parts are no failure: the exit code is 0 and --json gives their number.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunDoctor,
};

}  // namespace deixis::cli
