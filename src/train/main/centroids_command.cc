// deixis-train centroids: what a compressed network lost is taught to it again, within what is
// stored of it. `deixis compress --finetune` starts it.
#include <memory>
#include <string>

#include "base/file.h"
#include "network/model.h"
#include "train/centroid_trainer.h"
#include "train/fine_tune_input.h"
#include "train/main/command.h"

namespace deixis {
namespace {

struct Arguments {
  FineTuneJob job;
  std::string teacher;
};

Status Run(FineTuneJob job, const std::string& teacher_path) {
  DEIXIS_ASSIGN(const Model compressed, LoadModel(job.backbone));
  DEIXIS_ASSIGN(const Model teacher, LoadModel(teacher_path));
  job.task = compressed.task == Task::kLocate ? "locate" : "classify";
  DEIXIS_RETURN_IF_ERROR(job.Validate());
  // Whether it can be written is better known before the training than after it.
  DEIXIS_RETURN_IF_ERROR(AtomicFile::Create(job.out));
  CancelOnSignals();
  DEIXIS_ASSIGN(const FineTuneInput input, ReadFineTuneInput(job, /*keeps_preprocessing=*/true));
  return TrainCentroids(job, input, teacher,
                        {.report = [](const nlohmann::ordered_json& line) { PrintLine(line); },
                         .is_cancelled = IsCancelled});
}

}  // namespace

void AddCentroidsCommand(CLI::App& app, CommandAction& action) {
  const auto arguments = std::make_shared<Arguments>();
  FineTuneJob& job = arguments->job;
  job.epochs = 4;
  CLI::App* command = app.add_subcommand(
      "centroids", "Trains the centroids of a compressed network to answer as the original");
  command->footer(
      "Example:\n"
      "  deixis-train centroids --model small.safetensors --teacher model.pth --data things/ "
      "--out better.safetensors");
  command->option_defaults()->always_capture_default();
  command->add_option("--model", job.backbone, "The compressed network")->required();
  command->add_option("--teacher", arguments->teacher, "The network it was made of")->required();
  for (const char* key : {"data", "out", "held_out", "held_out_where", "error_size",
                          "learning_rate", "batch", "epochs", "seed", "threads", "flip"}) {
    AddJobOption(*command, key, job);
  }
  command->callback([arguments, &action] {
    action = [arguments] { return Run(arguments->job, arguments->teacher); };
  });
}

}  // namespace deixis
