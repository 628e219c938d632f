#include "cli/program.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>
#include <vector>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/progress_form.h"
#include "cli/suggest.h"

namespace deixis::cli {
namespace {

// Runs `work`; an exception becomes the error that it stands for.
template <typename Work>
Status Guarded(const Work& work) {
  static constexpr char kReportBug[] =
      "this is a bug of deixis: please report it with the command line";
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return ResourceError("out of memory", "free some, or use fewer threads or pictures");
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) {
      return InternalError(error.what(), kReportBug);
    }
    return ResourceError("no memory or no right to start another thread",
                         "use --threads 1, or free some memory");
  } catch (const std::exception& exception) {
    return InternalError(exception.what(), kReportBug);
  } catch (...) {
    return InternalError("an unknown exception", kReportBug);
  }
}

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

// Colours and moving bars: on a terminal that can, unless NO_COLOR (no-color.org) says no.
bool IsStyledTerminal(int descriptor) {
  if (isatty(descriptor) == 0 || FromEnvironment("NO_COLOR")) return false;
  const auto terminal = FromEnvironment("TERM");
  return terminal.has_value() && *terminal != "dumb";
}

int TerminalColumns(int descriptor) {
  struct winsize size = {};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 80;
}

bool HasWord(std::span<const std::string> words, std::string_view wanted) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == wanted) return true;
  }
  return false;
}

// How the console looks before the arguments are understood: an error in them is told in the same
// way as any other.
ConsoleOptions EarlyOptions(std::span<const std::string> words) {
  ConsoleOptions options;
  const auto json = FromEnvironment("DEIXIS_JSON");
  options.json = HasWord(words, "--json") || HasWord(words, "--json=true") ||
                 (json && (*json == "1" || *json == "true" || *json == "yes"));
  options.styled_output = IsStyledTerminal(STDOUT_FILENO);
  options.styled_errors = IsStyledTerminal(STDERR_FILENO);
  options.error_columns = TerminalColumns(STDERR_FILENO);
  return options;
}

int HelpColumns() { return std::clamp(TerminalColumns(STDOUT_FILENO), 60, 100); }

Error UnknownCommand(const std::string& word) {
  std::vector<std::string_view> names;
  for (const Command* command : Commands()) names.push_back(command->name);
  return UsageError("there is no command \"" + word + "\"",
                    DidYouMean(word, names, "`deixis ", "`", "`deixis --help` lists the commands"));
}

// Words before a command's name can only ask about the program itself.
int RunWithoutCommand(std::span<const std::string> words, Console& console) {
  for (const std::string& word : words) {
    if (word == "--version" || word == "-V") {
      console.Print("deixis " + std::string(Version()) + "\n");
      console.SetResult("version", Json{{"version", Version()}});
      return console.Finish(Ok());
    }
    if (word == "--help" || word == "-h") {
      console.Print(OverviewText(console.style(), HelpColumns()));
      return console.Finish(Ok());
    }
    if (word != "--json") {
      return console.Finish(
          UsageError("expected a command before " + word,
                     "flags follow the command: deixis COMMAND " + word + " ..."));
    }
  }
  return console.Finish(UsageError("no command was given",
                                   "`deixis --help` lists the commands; `deixis demo` shows "
                                   "the whole loop"));
}

int RunCommand(const Command& command, std::span<const std::string> words, ConsoleOptions options) {
  auto arguments = ParseArguments(command, words, FromEnvironment);
  if (!arguments.ok()) return Console(options).Finish(std::move(arguments).error());
  options.json = arguments->Switch("json");
  options.quiet = arguments->Switch("quiet");
  SetProgressForm(arguments->Has("progress") && arguments->Text("progress") == "json");
  Console console(options);
  if (arguments->Switch("help")) {
    console.Print(CommandHelpText(command, console.style(), HelpColumns()));
    console.SetResult("help", CommandJson(command));
    return console.Finish(Ok());
  }
  const Status status = Guarded([&] { return command.run(*arguments, console); });
  YieldToInterrupt();
  return console.Finish(status);
}

int Dispatch(std::span<const std::string> words, const ConsoleOptions& options) {
  if (words.empty() || words.front().starts_with('-')) {
    Console console(options);
    return RunWithoutCommand(words, console);
  }
  const Command* command = FindCommand(words.front());
  if (command == nullptr) return Console(options).Finish(UnknownCommand(words.front()));
  return RunCommand(*command, words.subspan(1), options);
}

}  // namespace

int RunProgram(std::span<const std::string> words) {
  int exit_code = 0;
  ConsoleOptions options;
  const Status status = Guarded([&] {
    options = EarlyOptions(words);
    InstallInterruptHandling({.json = options.json, .has_terminal = options.styled_errors});
    exit_code = Dispatch(words, options);
    return Ok();
  });
  return status.ok() ? exit_code : Console(options).Finish(status);
}

}  // namespace deixis::cli
