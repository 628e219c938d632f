// `deixis help` and `deixis completion`.
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/suggest.h"

namespace deixis::cli {
namespace {

constexpr int kColumns = 80;

Status RunHelp(const Arguments& arguments, Console& console) {
  if (arguments.Switch("man")) {
    console.Print(ManPage());
    console.SetResult("help", Json{{"man", ManPage()}});
    return Ok();
  }
  if (arguments.words().empty()) {
    console.Print(OverviewText(console.style(), kColumns));
    console.SetResult("help", CatalogueJson());
    return Ok();
  }
  const std::string& topic = arguments.words().front();
  if (topic == "settings" || topic == "exit-codes") {
    const std::string text = topic == "settings" ? SettingsHelpText(console.style(), kColumns)
                                                 : ExitCodesHelpText(console.style(), kColumns);
    console.Print(text);
    console.SetResult("help", Json{{"text", text}});
    return Ok();
  }
  if (const Command* command = FindCommand(topic)) {
    console.Print(CommandHelpText(*command, console.style(), kColumns));
    console.SetResult("help", CommandJson(*command));
    return Ok();
  }
  std::vector<std::string_view> topics = {"settings", "exit-codes"};
  for (const Command* command : Commands()) topics.push_back(command->name);
  return UsageError(
      "there is no help on \"" + topic + "\"",
      DidYouMean(topic, topics, "`deixis help ", "`", "`deixis help` lists the commands"));
}

Status RunCompletion(const Arguments& arguments, Console& console) {
  const std::string script =
      arguments.words().front() == "bash" ? BashCompletion() : ZshCompletion();
  console.Print(script);
  console.SetResult("completion", Json{{"script", script}});
  return Ok();
}

constexpr Positional kHelpPositionals[] = {
    {.name = "TOPIC",
     .kind = ValueKind::kText,
     .help = "A command, or \"settings\", or \"exit-codes\"",
     .optional = true},
};
constexpr Flag kHelpFlags[] = {
    {.name = "man", .help = "Write the manual page of the whole program, for man(1)"},
};
constexpr Example kHelpExamples[] = {
    {"help compress", "one command with its flags and examples"},
    {"help --man > deixis.1", "the manual page"},
    {"help --json", "every command and flag, for programs"},
};

constexpr Positional kCompletionPositionals[] = {
    {.name = "SHELL", .kind = ValueKind::kChoice, .help = "bash or zsh", .allowed = "bash|zsh"},
};
constexpr Example kCompletionExamples[] = {
    {"completion bash > ~/.local/share/bash-completion/completions/deixis",
     "for every bash from now on"},
    {"completion zsh > ~/.zfunc/_deixis", "for zsh, with ~/.zfunc in $fpath"},
};

}  // namespace

constinit const Command kHelpCommand = {
    .name = "help",
    .summary = "explain a command, the settings or the exit codes",
    .description = "Without a topic, the list of commands.",
    .positionals = kHelpPositionals,
    .flags = kHelpFlags,
    .examples = kHelpExamples,
    .run = RunHelp,
};

constinit const Command kCompletionCommand = {
    .name = "completion",
    .summary = "write a completion script for a shell",
    .description =
        "Commands, flags, allowed values and files are completed. The script holds the words "
        "itself: pressing Tab starts no program.",
    .positionals = kCompletionPositionals,
    .flags = {},
    .examples = kCompletionExamples,
    .run = RunCompletion,
};

}  // namespace deixis::cli
