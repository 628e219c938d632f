// deixis-train: makes a model. It is a program of its own so that LibTorch, its memory and its
// failures stay out of everything else. One JSON object per line on stdout tells how it gets on;
// errors go to stderr, and the exit code is that of the rest of Deixis.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/thread_pool.h"
#include "network/architecture.h"
#include "network/model.h"
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

void PrintLine(nlohmann::ordered_json line) {
  line["schema"] = 1;
  const std::string text = line.dump() + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int Fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  help: %s\n", error.remedy.c_str());
  return static_cast<int>(error.code);
}

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

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Trains a classifier on made pictures of everyday objects.", "deixis-train"};
  app.set_version_flag("--version", DEIXIS_VERSION);
  app.footer("Example:\n  deixis-train --out demo.safetensors --epochs 12 --threads 2");
  app.option_defaults()->always_capture_default();
  app.add_option("--out", arguments.out, "The model to write (safetensors)")->required();
  app.add_option("--architecture", arguments.architecture, "The network, by name");
  app.add_option("--pictures", arguments.pictures, "Pictures to train on")
      ->check(CLI::Range(int64_t{2}, int64_t{10'000'000}));
  app.add_option("--held-out", arguments.held_out, "Pictures to judge by, never trained on")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  app.add_option("--scene-seed", arguments.scene_seed, "Seed of the first training picture");
  app.add_option("--held-out-seed", arguments.held_out_seed, "Seed of the first held-out picture");
  app.add_option("--epochs", arguments.train.epochs, "Passes over the pictures");
  app.add_option("--batch", arguments.train.batch_size, "Pictures per step");
  app.add_option("--learning-rate", arguments.train.learning_rate, "At its peak");
  app.add_option("--momentum", arguments.train.momentum, "Nesterov momentum");
  app.add_option("--weight-decay", arguments.train.weight_decay, "L2 penalty of the weights");
  app.add_option("--seed", arguments.train.seed, "Of the weights, the order and the variations");
  app.add_option("--threads", arguments.train.num_threads, "Processors to use");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ErrorCode::kUsage);
  }
  const Status status = Run(arguments);
  return status.ok() ? 0 : Fail(status.error());
}

}  // namespace
}  // namespace deixis

int main(int argc, char** argv) { return deixis::Main(argc, argv); }
