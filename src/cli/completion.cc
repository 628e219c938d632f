// Completion scripts for shells. They hold the words themselves, so that pressing Tab starts
// nothing.
#include <string>

#include "cli/arguments.h"
#include "cli/help.h"

namespace deixis::cli {
namespace {

std::string Words(std::string_view choices) {
  std::string out;
  for (const auto choice : Split(choices, '|'))
    out += (out.empty() ? "" : " ") + std::string(choice);
  return out;
}

std::string FlagWords(const Command& command) {
  std::string words;
  const auto add = [&](std::span<const Flag> flags) {
    for (const Flag& flag : flags) words += (words.empty() ? "--" : " --") + std::string(flag.name);
  };
  add(command.flags);
  add(CommonFlags());
  return words;
}

std::string CommandWords() {
  std::string words;
  for (const Command* command : Commands()) {
    words += (words.empty() ? "" : " ") + std::string(command->name);
  }
  return words;
}

// "flag) COMPREPLY=(...) ; return ;;" for each flag that takes a value.
std::string BashValueCases(std::span<const Flag> flags, const std::string& margin) {
  std::string out;
  for (const Flag& flag : flags) {
    if (flag.kind == ValueKind::kSwitch) continue;
    out += margin + "--" + std::string(flag.name) + ") ";
    switch (flag.kind) {
      case ValueKind::kFile:
        out += "COMPREPLY=($(compgen -f -- \"$word\"))";
        break;
      case ValueKind::kFolder:
        out += "COMPREPLY=($(compgen -d -- \"$word\"))";
        break;
      case ValueKind::kChoice:
        out += "COMPREPLY=($(compgen -W \"" + Words(flag.allowed) + "\" -- \"$word\"))";
        break;
      default:
        out += "COMPREPLY=()";
    }
    out += "; return ;;\n";
  }
  return out;
}

// Single-quoted for a shell.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// Within _arguments' "[...]" and ":message:" a colon and brackets have a meaning.
std::string ZshText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string ZshAction(ValueKind kind, std::string_view allowed) {
  switch (kind) {
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kFolder:
      return "_files -/";
    case ValueKind::kChoice:
      return "(" + Words(allowed) + ")";
    default:
      return " ";
  }
}

std::string ZshFlags(std::span<const Flag> flags) {
  std::string out;
  for (const Flag& flag : flags) {
    std::string spec = "--" + std::string(flag.name);
    if (flag.kind != ValueKind::kSwitch) spec += "=";
    spec += "[" + ZshText(flag.help) + "]";
    if (flag.kind != ValueKind::kSwitch) {
      spec += ":" + ZshText(flag.value_name) + ":" + ZshAction(flag.kind, flag.allowed);
    }
    out += " \\\n        " + Quoted(spec);
  }
  return out;
}

}  // namespace

std::string BashCompletion() {
  std::string out =
      "# bash completion of deixis; load it with: source <(deixis completion bash)\n"
      "_deixis() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"\" command=\"${COMP_WORDS[1]}\"\n"
      "  ((COMP_CWORD > 0)) && before=\"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W \"" +
      CommandWords() +
      " --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$before\" in\n";
  out += BashValueCases(CommonFlags(), "    ");
  out += "  esac\n  case \"$command\" in\n";
  for (const Command* command : Commands()) {
    out += "    " + std::string(command->name) + ")\n";
    const std::string cases = BashValueCases(command->flags, "        ");
    if (!cases.empty()) out += "      case \"$before\" in\n" + cases + "      esac\n";
    out +=
        "      if [[ \"$word\" == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"" +
        FlagWords(*command) + "\" -- \"$word\"))\n";
    if (!command->positionals.empty()) {
      const Positional& last = command->positionals.back();
      if (last.kind == ValueKind::kChoice) {
        out += "      else\n        COMPREPLY=($(compgen -W \"" + Words(last.allowed) +
               "\" -- \"$word\"))\n";
      } else if (last.kind == ValueKind::kFile || last.kind == ValueKind::kFolder) {
        out += "      else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n";
      }
    }
    out += "      fi\n      ;;\n";
  }
  out += "  esac\n}\ncomplete -o filenames -F _deixis deixis\n";
  return out;
}

std::string ZshCompletion() {
  std::string out =
      "#compdef deixis\n"
      "# zsh completion of deixis; save it as _deixis in a folder of $fpath\n"
      "_deixis() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const Command* command : Commands()) {
    out += "    " + Quoted(std::string(command->name) + ":" + std::string(command->summary)) + "\n";
  }
  out +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe 'command' commands\n"
      "    return\n"
      "  fi\n"
      "  local command=\"${words[2]}\"\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case \"$command\" in\n";
  for (const Command* command : Commands()) {
    out += "    " + std::string(command->name) + ")\n      _arguments";
    for (const Positional& positional : command->positionals) {
      std::string spec = positional.repeated ? "*:" : positional.optional ? "::" : ":";
      spec += ZshText(positional.name) + ":" + ZshAction(positional.kind, positional.allowed);
      out += " \\\n        " + Quoted(spec);
    }
    out += ZshFlags(command->flags) + ZshFlags(CommonFlags()) + "\n      ;;\n";
  }
  out += "  esac\n}\ncompdef _deixis deixis\n";
  return out;
}

}  // namespace deixis::cli
