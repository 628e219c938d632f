// The catalogue: which commands there are, and the flags that all of them take.
#include "cli/commands.h"

namespace deixis::cli {
namespace {

constexpr Flag kCommonFlags[] = {
    {.name = "json",
     .help = "Write the result as one JSON object on stdout",
     .environment = "DEIXIS_JSON"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress", .environment = "DEIXIS_QUIET"},
    {.name = "progress",
     .kind = ValueKind::kChoice,
     .value_name = "FORM",
     .help = "Progress on stderr for people, or as JSON, one object on each line",
     .default_value = "text",
     .environment = "DEIXIS_PROGRESS",
     .allowed = "text|json",
     .example = "json"},
    {.name = "config",
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Read settings from FILE",
     .default_note = "~/.config/deixis/config, if it is there",
     .environment = "DEIXIS_CONFIG",
     .example = "kitchen.conf"},
    {.name = "help", .letter = 'h', .help = "Explain the command and end"},
};

// One per line, whatever the formatter thinks.
// clang-format off
constexpr const Command* kCommands[] = {
    &kDemoCommand,
    &kDoctorCommand,
    &kInfoCommand,
    &kConvertCommand,
    &kModelCommand,
    &kPredictCommand,
    &kEvalCommand,
    &kCompressCommand,
    &kStudyCommand,
    &kDataCommand,
    &kTrainCommand,
    &kBenchCommand,
    &kRunCommand,
    &kStudioCommand,
    &kRehearseCommand,
    &kSayCommand,
    &kCameraCommand,
    &kAudioCommand,
    &kCompletionCommand,
    &kHelpCommand,
};
// clang-format on

}  // namespace

std::span<const Flag> CommonFlags() { return kCommonFlags; }

std::span<const Command* const> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

const Flag* FindFlag(const Command* command, std::string_view name) {
  if (command != nullptr) {
    for (const Flag& flag : command->flags) {
      if (flag.name == name) return &flag;
    }
  }
  for (const Flag& flag : kCommonFlags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

}  // namespace deixis::cli
