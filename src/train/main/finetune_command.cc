// deixis-train finetune: a network that has learnt something else goes on with pictures of what is
// wanted. What it is asked for and what it says are listed in docs/training.md.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "train/fine_tune_input.h"
#include "train/fine_tuner.h"
#include "train/main/command.h"
#include "train/processes.h"

namespace deixis {
namespace {

constexpr std::chrono::minutes kJoinTimeout{10};

Status Run(const FineTuneJob& job) {
  DEIXIS_RETURN_IF_ERROR(job.Validate());
  DEIXIS_ASSIGN(const ProcessGroupAddress address,
                ProcessGroupFromEnvironment(
                    [](const char* name) { return static_cast<const char*>(std::getenv(name)); }));
  if (address.rank == 0) {
    // Whether they can be written is better known before the training than after it.
    DEIXIS_RETURN_IF_ERROR(AtomicFile::Create(job.out));
    DEIXIS_RETURN_IF_ERROR(AtomicFile::Create(job.CheckpointPath()));
    std::error_code error;
    if (std::filesystem::equivalent(job.out, job.backbone, error)) {
      return UsageError(job.out + ": is the backbone", "choose another --out");
    }
  }
  CancelOnSignals();
  DEIXIS_ASSIGN(const FineTuneInput input, ReadFineTuneInput(job));
  DEIXIS_ASSIGN(const std::shared_ptr<Processes> processes, Processes::Join(address, kJoinTimeout));
  return FineTune(job, input, processes,
                  {.report = [](const nlohmann::ordered_json& line) { PrintLine(line); },
                   .is_cancelled = IsCancelled});
}

// Flags that were given, over what the job file says.
struct Arguments {
  std::string job_file;
  FineTuneJob flags;
  std::vector<std::pair<CLI::Option*, std::string>> given;  // with their keys
};

Status RunWith(const Arguments& arguments) {
  FineTuneJob job;
  if (!arguments.job_file.empty()) DEIXIS_RETURN_IF_ERROR(ReadJobFile(arguments.job_file, job));
  const nlohmann::ordered_json flags = ToJson(arguments.flags);
  nlohmann::ordered_json set = nlohmann::ordered_json::object();
  for (const auto& [option, key] : arguments.given) {
    if (option->count() > 0) set[key] = flags[key];
  }
  DEIXIS_RETURN_IF_ERROR(FromJson(set, "flags", job));
  return Run(job);
}

}  // namespace

void AddFinetuneCommand(CLI::App& app, CommandAction& action) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("finetune", "Goes on training a network with pictures of what is wanted");
  command->footer(
      "Examples:\n"
      "  deixis-train finetune --data things/ --backbone resnet18.pth --out things.safetensors\n"
      "  deixis-train finetune --job job.json --resume\n"
      "Several processes: start it by torchrun or mpirun, with MASTER_ADDR and MASTER_PORT.");
  command->option_defaults()->always_capture_default();
  command->add_option("--job", arguments->job_file,
                      "A JSON file with these as keys (_ for -); flags stand above it");
  VisitJob(arguments->flags, [&](const char* key, const char*, auto&) {
    arguments->given.emplace_back(AddJobOption(*command, key, arguments->flags), key);
  });
  command->callback([arguments, &action] { action = [arguments] { return RunWith(*arguments); }; });
}

}  // namespace deixis
