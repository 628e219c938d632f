// deixis-train: makes models. It is a program of its own so that LibTorch, its memory and its
// failures stay out of everything else. One JSON object per line on stdout tells how it gets on;
// errors go to stderr, and the exit code is that of the rest of Deixis.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "train/main/command.h"

namespace deixis {
namespace {

int Fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  help: %s\n", error.remedy.c_str());
  return static_cast<int>(error.code);
}

// Training asks for the same large blocks at every step. Given back to the system in between, they
// would be cleared and mapped anew each time, a tenth of the whole work.
void KeepLargeBlocks() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

int Main(int argc, char** argv) {
  KeepLargeBlocks();
  CLI::App app{"Makes models with LibTorch.", "deixis-train"};
  app.set_version_flag("--version", DEIXIS_VERSION);
  app.require_subcommand(1);
  CommandAction action;
  AddScenesCommand(app, action);
  AddPretrainCommand(app, action);
  AddFinetuneCommand(app, action);
  AddCentroidsCommand(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ErrorCode::kUsage);
  }
  const Status status = action();
  return status.ok() ? 0 : Fail(status.error());
}

}  // namespace
}  // namespace deixis

int main(int argc, char** argv) { return deixis::Main(argc, argv); }
