#include "train/main/command.h"

#include <csignal>
#include <cstdio>
#include <string>
#include <type_traits>

namespace deixis {
namespace {

volatile std::sig_atomic_t cancelled = 0;

void Cancel(int signal) {
  cancelled = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void CancelOnSignals() {
  std::signal(SIGINT, Cancel);
  std::signal(SIGTERM, Cancel);
}

bool IsCancelled() { return cancelled != 0; }

CLI::Option* AddJobOption(CLI::App& command, const std::string& key, FineTuneJob& job) {
  CLI::Option* option = nullptr;
  VisitJob(job, [&](const char* name, const char* help, auto& member) {
    if (key != name) return;
    std::string flag = "--" + key;
    for (char& c : flag) c = c == '_' ? '-' : c;
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(member)>, bool>) {
      option = command.add_flag(flag + ",!--no-" + flag.substr(2), member, help);
    } else {
      option = command.add_option(flag, member, help);
    }
  });
  return option;
}

void PrintLine(nlohmann::ordered_json line) {
  line["schema"] = 1;
  const std::string text = line.dump() + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace deixis
