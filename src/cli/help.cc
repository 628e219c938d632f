#include "cli/help.h"

#include <set>

#include "cli/arguments.h"

namespace deixis::cli {
namespace {

struct ExitCodeText {
  int code;
  std::string_view meaning;
};

constexpr ExitCodeText kExitCodes[] = {
    {0, "success"},
    {1, "internal error: a bug"},
    {2, "the command line, a DEIXIS_* variable or the configuration file is wrong"},
    {3, "a file or folder is not there"},
    {4, "a file is not what it should be: damaged, of another kind, or an unknown network"},
    {5, "a device or the voice is not available"},
    {6, "busy: something else uses it"},
    {7, "authentication failed"},
    {8, "measured, and a quality threshold was missed"},
    {9, "not enough memory or disk, or the file may not be written"},
    {130, "interrupted"},
};

std::string Heading(const Style& style, std::string_view text) { return style.Bold(text) + "\n"; }

// "MODEL IMAGE..." with brackets around what may be left out.
std::string PositionalSynopsis(const Command& command) {
  std::string synopsis;
  for (const Positional& positional : command.positionals) {
    std::string word(positional.name);
    if (positional.repeated) word += "...";
    synopsis += " " + (positional.optional ? "[" + word + "]" : word);
  }
  return synopsis;
}

// "-o, --out FILE".
std::string FlagSynopsis(const Flag& flag) {
  std::string text = flag.letter != '\0' ? std::string("-") + flag.letter + ", " : "    ";
  text += "--" + std::string(flag.name);
  if (flag.kind != ValueKind::kSwitch) text += " " + std::string(flag.value_name);
  return text;
}

// The help sentence with what the record knows beside it.
std::string FlagExplanation(const Flag& flag) {
  std::string text(flag.help);
  std::string notes;
  const auto note = [&](const std::string& words) { notes += (notes.empty() ? "" : "; ") + words; };
  if (flag.required) note("required");
  if (flag.kind == ValueKind::kChoice) {
    std::string choices;
    for (const auto choice : Split(flag.allowed, '|')) {
      choices += (choices.empty() ? "" : ", ") + std::string(choice);
    }
    note("one of " + choices);
  }
  if (!flag.default_value.empty()) note("default " + std::string(flag.default_value));
  if (!flag.default_note.empty()) note("default: " + std::string(flag.default_note));
  if (!flag.environment.empty()) note(std::string(flag.environment));
  if (!notes.empty()) text += " (" + notes + ")";
  return text;
}

// A term in its column and an explanation wrapped beside it, or below when the term is long.
std::string Entry(const std::string& term, std::string_view explanation, int term_columns,
                  int columns, const Style& style) {
  const std::string wrapped = Wrap(explanation, columns, term_columns + 4);
  const int width = DisplayWidth(term);
  const std::string head = "  " + style.Bold(term);
  if (width > term_columns) return head + "\n" + wrapped;
  return head + wrapped.substr(static_cast<size_t>(2 + width));
}

std::string FlagList(std::span<const Flag> flags, const Style& style, int columns) {
  constexpr int kTermColumns = 24;
  std::string text;
  for (const Flag& flag : flags) {
    text += Entry(FlagSynopsis(flag), FlagExplanation(flag), kTermColumns, columns, style);
  }
  return text;
}

}  // namespace

std::string_view Version() { return DEIXIS_VERSION; }

std::string OverviewText(const Style& style, int columns) {
  std::string text = Wrap(
      "deixis: point at a thing, hear its name. Reads trained networks, makes them small, measures "
      "what that cost, and runs them offline.",
      columns, 0);
  text += "\n" + Heading(style, "Usage") + "  deixis COMMAND [ARGUMENT...] [--FLAG [VALUE]]...\n";
  text += "\n" + Heading(style, "Commands");
  for (const Command* command : Commands()) {
    text += Entry(std::string(command->name), command->summary, 11, columns, style);
  }
  text += "\n" + Heading(style, "Flags of every command");
  text += FlagList(CommonFlags(), style, columns);
  text += "\n" + Heading(style, "Begin with");
  text += "  deixis demo                     the whole loop on what is shipped\n";
  text += "  deixis doctor                   what this machine has, and what it lacks\n";
  text += "  deixis help compress            one command in full, with examples\n";
  text += "  deixis help settings            variables and the configuration file\n";
  text += "  deixis help exit-codes          what the exit codes mean\n";
  return text;
}

std::string CommandHelpText(const Command& command, const Style& style, int columns) {
  const std::string name(command.name);
  std::string text = style.Bold("deixis " + name) + ": " + std::string(command.summary) + "\n\n";
  text += Heading(style, "Usage") + "  deixis " + name + PositionalSynopsis(command);
  for (const Flag& flag : command.flags) {
    if (!flag.required) continue;
    text += " --" + std::string(flag.name) + " " + std::string(flag.value_name);
  }
  text += " [--FLAG [VALUE]]...\n\n";
  text += Wrap(command.description, columns, 0);
  if (!command.positionals.empty()) {
    text += "\n" + Heading(style, "Arguments");
    for (const Positional& positional : command.positionals) {
      text += Entry(std::string(positional.name), positional.help, 11, columns, style);
    }
  }
  if (!command.flags.empty()) {
    text += "\n" + Heading(style, "Flags") + FlagList(command.flags, style, columns);
  }
  text += "\n" + Heading(style, "Flags of every command");
  text += FlagList(CommonFlags(), style, columns);
  if (!command.examples.empty()) {
    text += "\n" + Heading(style, "Examples");
    for (const Example& example : command.examples) {
      text += "  " + style.Dim("# " + std::string(example.effect)) + "\n  deixis " +
              std::string(example.command) + "\n";
    }
  }
  return text;
}

std::string SettingsHelpText(const Style& style, int columns) {
  std::string text = Wrap(
      "A value comes from the first of these that has it: the flag on the command line, the "
      "environment variable, the configuration file, the default.\n\n"
      "The configuration file is $XDG_CONFIG_HOME/deixis/config (usually ~/.config/deixis/config), "
      "or the one that --config names. It holds one `name = value` per line and comments that "
      "begin "
      "with #; `command.name = value` is for one command only. A name that no flag has is an "
      "error.\n\n"
      "  # ~/.config/deixis/config\n"
      "  threads = 4\n"
      "  audio = alsa:default\n"
      "  bench.repetitions = 100\n",
      columns, 0);
  text += "\n";
  Table table({{"setting", Align::kLeft}, {"variable", Align::kLeft}, {"commands", Align::kLeft}});
  std::set<std::string_view> listed;
  const auto list = [&](const Flag& flag) {
    if (flag.environment.empty() || !listed.insert(flag.name).second) return;
    std::string commands;
    for (const Command* command : Commands()) {
      for (const Flag& own : command->flags) {
        if (own.name != flag.name || own.environment.empty()) continue;
        commands += (commands.empty() ? "" : ", ") + std::string(command->name);
      }
    }
    table.AddRow({std::string(flag.name), std::string(flag.environment),
                  commands.empty() ? "all" : commands});
  };
  for (const Flag& flag : CommonFlags()) list(flag);
  for (const Command* command : Commands()) {
    for (const Flag& flag : command->flags) list(flag);
  }
  return text + table.Render(style);
}

std::string ExitCodesHelpText(const Style& style, int columns) {
  std::string text;
  for (const auto& [code, meaning] : kExitCodes) {
    text += Entry(std::to_string(code), meaning, 4, columns, style);
  }
  text += "\n";
  text += Wrap(
      "With --json a failure is also told on stdout, as {\"schema\": 1, \"error\": {\"code\": ..., "
      "\"name\": ..., \"message\": ..., \"remedy\": ...}}, and stderr holds progress only.",
      columns, 0);
  return text;
}

namespace {

std::string_view KindName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kSwitch:
      return "switch";
    case ValueKind::kText:
      return "text";
    case ValueKind::kFile:
      return "file";
    case ValueKind::kFolder:
      return "folder";
    case ValueKind::kChoice:
      return "choice";
    case ValueKind::kInteger:
      return "integer";
    case ValueKind::kReal:
      return "real";
    case ValueKind::kBytes:
      return "bytes";
    case ValueKind::kIntegers:
      return "integers";
  }
  return "text";
}

Json FlagsJson(std::span<const Flag> flags) {
  Json list = Json::array();
  for (const Flag& flag : flags) {
    Json entry{{"name", flag.name}, {"kind", KindName(flag.kind)}, {"help", flag.help}};
    const auto add = [&](const char* key, std::string_view value) {
      if (!value.empty()) entry[key] = value;
    };
    add("value", flag.value_name);
    add("default", flag.default_value);
    add("environment", flag.environment);
    add("example", flag.example);
    if (flag.letter != '\0') entry["letter"] = std::string(1, flag.letter);
    if (!flag.allowed.empty()) entry["allowed"] = Split(flag.allowed, '|');
    if (flag.required) entry["required"] = true;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

Json CommandJson(const Command& command) {
  Json arguments = Json::array();
  for (const Positional& positional : command.positionals) {
    arguments.push_back(Json{{"name", positional.name},
                             {"help", positional.help},
                             {"optional", positional.optional},
                             {"repeated", positional.repeated}});
  }
  Json examples = Json::array();
  for (const Example& example : command.examples) {
    examples.push_back(
        Json{{"command", "deixis " + std::string(example.command)}, {"effect", example.effect}});
  }
  return Json{{"name", command.name},
              {"summary", command.summary},
              {"description", command.description},
              {"arguments", std::move(arguments)},
              {"flags", FlagsJson(command.flags)},
              {"examples", std::move(examples)}};
}

Json CatalogueJson() {
  Json commands = Json::array();
  for (const Command* command : Commands()) commands.push_back(CommandJson(*command));
  return Json{{"version", Version()},
              {"commands", std::move(commands)},
              {"common_flags", FlagsJson(CommonFlags())}};
}

namespace {

// Text in man(7): a leading dot or quote would be a macro, a hyphen a typographic one.
std::string Roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

// Paragraphs of a description: an empty line begins one, a leading space keeps a line as it is.
std::string RoffParagraphs(std::string_view text) {
  std::string out;
  bool verbatim = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const bool is_verbatim = line.starts_with(' ');
    if (is_verbatim != verbatim) out += is_verbatim ? ".nf\n" : ".fi\n";
    verbatim = is_verbatim;
    out += line.empty() ? ".PP\n" : Roff(line) + "\n";
  }
  if (verbatim) out += ".fi\n";
  return out;
}

std::string RoffFlags(std::span<const Flag> flags) {
  std::string out;
  for (const Flag& flag : flags) {
    out += ".TP\n.B " + Roff(FlagSynopsis(flag).substr(flag.letter == '\0' ? 4 : 0)) + "\n";
    out += Roff(FlagExplanation(flag)) + ".\n";
    if (!flag.example.empty()) {
      out += "Example: " + Roff("--" + std::string(flag.name) + " " + std::string(flag.example)) +
             "\n";
    }
  }
  return out;
}

}  // namespace

std::string ManPage() {
  std::string out = ".TH DEIXIS 1 \"\" \"deixis " + std::string(Version()) + "\"\n";
  out += ".SH NAME\ndeixis \\- point at a thing, hear its name\n";
  out +=
      ".SH SYNOPSIS\n.B deixis\n.I COMMAND\n[\\fIARGUMENT\\fR...] [\\fB\\-\\-FLAG\\fR "
      "[\\fIVALUE\\fR]]...\n";
  out +=
      ".SH DESCRIPTION\nReads trained networks, makes them small, measures what that cost, and "
      "runs them offline. Results are written to stdout, progress and messages to stderr.\n";
  out += ".SH COMMANDS\n";
  for (const Command* command : Commands()) {
    out += ".SS deixis " + Roff(command->name) + Roff(PositionalSynopsis(*command)) + "\n";
    out += RoffParagraphs(command->description);
    for (const Positional& positional : command->positionals) {
      out += ".TP\n.I " + Roff(positional.name) + "\n" + Roff(positional.help) + ".\n";
    }
    out += RoffFlags(command->flags);
    for (const Example& example : command->examples) {
      out += ".PP\n" + Roff(example.effect) + ":\n.PP\n.nf\n    deixis " + Roff(example.command) +
             "\n.fi\n";
    }
  }
  out += ".SH FLAGS OF EVERY COMMAND\n" + RoffFlags(CommonFlags());
  out += ".SH SETTINGS\n" + RoffParagraphs(SettingsHelpText(Style(false), 72));
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes) {
    out += ".TP\n.B " + std::to_string(code) + "\n" + Roff(meaning) + "\n";
  }
  return out;
}

}  // namespace deixis::cli
