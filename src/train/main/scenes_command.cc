// deixis-train scenes: a classifier of the generator's objects, trained from nothing. It made the
// network that `deixis demo` works on.
#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/thread_pool.h"
#include "network/architecture.h"
#include "network/model.h"
#include "train/main/command.h"
#include "train/picture_batch.h"
#include "train/trainer.h"

namespace deixis {
namespace {

struct Arguments {
  std::string out;
  std::string architecture = "resnet20-cifar";
  int64_t pictures = 9600;
  int64_t held_out = 1200;
  // Far apart, so that no held-out picture is ever trained on.
  uint64_t scene_seed = 1'000'000;
  uint64_t held_out_seed = 900'000'000;
  TrainOptions train;
};

Status Run(const Arguments& arguments) {
  const Architecture* architecture = FindArchitecture(arguments.architecture);
  if (architecture == nullptr) {
    return UsageError("--architecture: no network is called \"" + arguments.architecture + "\"",
                      "for instance resnet20-cifar");
  }
  DEIXIS_RETURN_IF_ERROR(arguments.train.Validate());
  // Whether the model can be written is better known before the training than after it. The probe
  // leaves nothing behind.
  DEIXIS_RETURN_IF_ERROR(AtomicFile::Create(arguments.out));
  const Preprocessing preprocessing{.height_px = 32,
                                    .width_px = 32,
                                    .resize = ResizePolicy::kStretch,
                                    .shorter_side_px = 32,
                                    .mean = {0.5f, 0.5f, 0.5f},
                                    .stddev = {0.25f, 0.25f, 0.25f}};
  ThreadPool pool(arguments.train.num_threads);
  const SceneOptions scene;
  PrintLine({{"event", "pictures"},
             {"training", arguments.pictures},
             {"held_out", arguments.held_out},
             {"classes", SceneClassNames()}});
  const PictureBatch training =
      MakeScenePictures(arguments.scene_seed, arguments.pictures, scene, preprocessing, pool);
  const PictureBatch held_out =
      MakeScenePictures(arguments.held_out_seed, arguments.held_out, scene, preprocessing, pool);
  double top1 = 0;
  DEIXIS_ASSIGN(Model model,
                TrainClassifier(*architecture, SceneClassNames(), preprocessing, training, held_out,
                                arguments.train, [&](const EpochReport& report) {
                                  top1 = report.top1;
                                  PrintLine({{"event", "epoch"},
                                             {"epoch", report.epoch},
                                             {"epochs", arguments.train.epochs},
                                             {"loss", report.mean_loss},
                                             {"top1", report.top1},
                                             {"seconds", report.seconds}});
                                  return true;
                                }));
  model.provenance = {{"trained_by", "deixis-train"},
                      {"pictures", "scenes " + std::to_string(arguments.scene_seed) + "+" +
                                       std::to_string(arguments.pictures)},
                      {"seed", std::to_string(arguments.train.seed)},
                      {"epochs", std::to_string(arguments.train.epochs)}};
  DEIXIS_RETURN_IF_ERROR(SaveModel(arguments.out, model));
  PrintLine({{"event", "done"},
             {"model", arguments.out},
             {"top1", top1},
             {"file_bytes", std::filesystem::file_size(arguments.out)}});
  return Ok();
}

}  // namespace

void AddScenesCommand(CLI::App& app, CommandAction& action) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("scenes", "Trains a classifier on made pictures of everyday objects");
  command->footer("Example:\n  deixis-train scenes --out demo.safetensors --epochs 12 --threads 2");
  command->option_defaults()->always_capture_default();
  command->add_option("--out", arguments->out, "The model to write (safetensors)")->required();
  command->add_option("--architecture", arguments->architecture, "The network, by name");
  command->add_option("--pictures", arguments->pictures, "Pictures to train on")
      ->check(CLI::Range(int64_t{2}, int64_t{10'000'000}));
  command->add_option("--held-out", arguments->held_out, "Pictures to judge by, never trained on")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  command->add_option("--scene-seed", arguments->scene_seed, "Seed of the first training picture");
  command->add_option("--held-out-seed", arguments->held_out_seed,
                      "Seed of the first held-out picture");
  command->add_option("--epochs", arguments->train.epochs, "Passes over the pictures");
  command->add_option("--batch", arguments->train.batch_size, "Pictures per step");
  command->add_option("--learning-rate", arguments->train.learning_rate, "At its peak");
  command->add_option("--momentum", arguments->train.momentum, "Nesterov momentum");
  command->add_option("--weight-decay", arguments->train.weight_decay, "L2 penalty of the weights");
  command->add_option("--seed", arguments->train.seed,
                      "Of the weights, the order and the variations");
  command->add_option("--threads", arguments->train.num_threads, "Processors to use");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace deixis
