// deixis-train pretrain: a backbone from nothing or from another, on pictures that formulas make.
#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>

#include "base/file.h"
#include "base/thread_pool.h"
#include "network/architecture.h"
#include "network/model.h"
#include "train/formula_pictures.h"
#include "train/main/command.h"
#include "train/pretrainer.h"
#include "vision/image.h"

namespace deixis {
namespace {

constexpr int64_t kSheetPictures = 12;  // a side

volatile std::sig_atomic_t interrupted = 0;

struct Arguments {
  std::string out;
  std::string sheet;
  std::string samples;
  int64_t count = 400;
  std::string architecture = "resnet18";
  std::string phases = "32:0.3,64:0.6,96:0.1";
  PretrainOptions pretrain;
};

// "48:0.4,96:0.6".
Result<std::vector<PretrainPhase>> ParsePhases(const std::string& text) {
  std::vector<PretrainPhase> phases;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    PretrainPhase phase;
    int read = 0;
    if (std::sscanf(part.c_str(), "%ld:%lf%n", &phase.side_px, &phase.share, &read) != 2 ||
        static_cast<size_t>(read) != part.size()) {
      return UsageError("--phases: expected SIDE:SHARE, found \"" + part + "\"",
                        "for instance 48:0.4,96:0.6");
    }
    phases.push_back(phase);
    begin = end + 1;
  }
  return phases;
}

// The first pictures of the training in rows, to be looked at.
Status WriteSheet(const Arguments& arguments) {
  const int64_t side = arguments.pretrain.phases.back().side_px;
  const FormulaPictures pictures(arguments.pretrain.seed);
  ThreadPool pool(arguments.pretrain.num_threads);
  const PictureBatch batch = pictures.MakeBatch(0, kSheetPictures * kSheetPictures, side, pool);
  const int64_t gap = 2;
  const int64_t step = side + gap;
  Image sheet{.height_px = kSheetPictures * step, .width_px = kSheetPictures * step, .pixels = {}};
  sheet.pixels.assign(static_cast<size_t>(3 * sheet.height_px * sheet.width_px), 255);
  for (int64_t i = 0; i < batch.size(); ++i) {
    const int64_t top = i / kSheetPictures * step;
    const int64_t left = i % kSheetPictures * step;
    for (int64_t row = 0; row < side; ++row) {
      const uint8_t* from = batch.pixels.data() + i * batch.picture_bytes() + 3 * side * row;
      std::copy(from, from + 3 * side,
                sheet.pixels.data() + 3 * ((top + row) * sheet.width_px + left));
    }
  }
  return WritePng(arguments.sheet, sheet);
}

// Pictures that the training does not come to, one folder per family: to calibrate a compression
// with, and to judge it.
Status WriteSamples(const Arguments& arguments) {
  constexpr uint64_t kFirstNumber = uint64_t{1} << 40;
  const int64_t side = arguments.pretrain.phases.back().side_px;
  const FormulaPictures pictures(arguments.pretrain.seed);
  Image image{.height_px = side, .width_px = side, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(3 * side * side));
  for (const std::string& family : pictures.families()) {
    std::error_code failure;
    std::filesystem::create_directories(arguments.samples + "/" + family, failure);
    if (failure) {
      return ResourceError(arguments.samples + ": cannot make the folder: " + failure.message());
    }
  }
  for (int64_t i = 0; i < arguments.count; ++i) {
    const int label =
        pictures.Make(kFirstNumber + static_cast<uint64_t>(i), side, image.pixels.data());
    const std::string path =
        arguments.samples + "/" + pictures.FamilyOf(label) + "/" + std::to_string(i) + ".png";
    DEIXIS_RETURN_IF_ERROR(WritePng(path, image));
  }
  return Ok();
}

nlohmann::ordered_json LineOf(const PretrainReport& report) {
  return {{"event", "steps"},
          {"step", report.step},
          {"progress", report.progress},
          {"side_px", report.side_px},
          {"pictures", report.pictures},
          {"loss", report.loss},
          {"top1", report.top1},
          {"top1_by_family", report.top1_by_family},
          {"learning_rate", report.learning_rate},
          {"seconds", report.seconds},
          {"pictures_per_s", report.pictures_per_s}};
}

Status Run(Arguments arguments) {
  const Architecture* architecture = FindArchitecture(arguments.architecture);
  if (architecture == nullptr) {
    return UsageError("--architecture: no network is called \"" + arguments.architecture + "\"",
                      "for instance resnet18");
  }
  DEIXIS_ASSIGN(arguments.pretrain.phases, ParsePhases(arguments.phases));
  if (!arguments.sheet.empty()) return WriteSheet(arguments);
  if (!arguments.samples.empty()) return WriteSamples(arguments);
  DEIXIS_RETURN_IF_ERROR(arguments.pretrain.Validate());
  // Whether the model can be written is better known before the training than after it. The probe
  // leaves nothing behind.
  DEIXIS_RETURN_IF_ERROR(AtomicFile::Create(arguments.out));
  // Each step takes and frees the same large blocks; given back to the system, their pages would be
  // cleared anew each time, a sixteenth of the whole run.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 256 << 20);
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  PretrainReport last;
  DEIXIS_ASSIGN(Model model,
                Pretrain(*architecture, arguments.pretrain, [&](const PretrainReport& report) {
                  last = report;
                  PrintLine(LineOf(report));
                  return interrupted == 0;
                }));
  const auto say = [&](const std::string& key, const std::string& value) {
    model.provenance.emplace_back(key, value);
  };
  say("trained_by", "deixis-train pretrain");
  say("pictures", "formulas and scenes, " + std::to_string(last.pictures));
  say("seed", std::to_string(arguments.pretrain.seed));
  say("steps", std::to_string(last.step));
  say("phases", arguments.phases);
  say("precision", arguments.pretrain.precision);
  DEIXIS_RETURN_IF_ERROR(SaveModel(arguments.out, model));
  PrintLine({{"event", "done"},
             {"model", arguments.out},
             {"top1", last.top1},
             {"pictures", last.pictures},
             {"seconds", last.seconds},
             {"file_bytes", std::filesystem::file_size(arguments.out)}});
  return Ok();
}

}  // namespace

void AddPretrainCommand(CLI::App& app, CommandAction& action) {
  const auto arguments = std::make_shared<Arguments>();
  PretrainOptions& pretrain = arguments->pretrain;
  CLI::App* command = app.add_subcommand(
      "pretrain", "Trains a backbone on pictures of formulas, from nothing or on");
  command->footer(
      "Examples:\n"
      "  deixis-train pretrain --out backbone.safetensors --minutes 120 --threads 2 "
      "--checkpoint backbone.part\n"
      "  deixis-train pretrain --sheet pictures.png");
  command->option_defaults()->always_capture_default();
  CLI::Option* out = command->add_option("--out", arguments->out, "The model to write");
  CLI::Option* sheet = command->add_option("--sheet", arguments->sheet,
                                           "Write the first pictures as a PNG to look at, and end");

  CLI::Option* samples = command->add_option(
      "--samples", arguments->samples, "Write pictures of the same kinds to this folder, and end");
  command->add_option("--count", arguments->count, "How many of them")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  out->excludes(sheet)->excludes(samples);
  command->add_option("--architecture", arguments->architecture, "The network, by name");
  command->add_option("--backbone", pretrain.backbone,
                      "Go on from this model's weights, all but its head's");
  command->add_option("--phases", arguments->phases,
                      "Sides of the pictures in pixels, each with its share of the training");
  command->add_option("--steps", pretrain.num_steps, "How long to train, in steps");
  command->add_option("--minutes", pretrain.minutes, "How long to train, by the clock");
  command->add_option("--batch", pretrain.batch_size, "Pictures per step");
  command->add_option("--learning-rate", pretrain.learning_rate, "At its peak");
  command->add_option("--weight-decay", pretrain.weight_decay, "AdamW's, of the weights");
  command->add_option("--seed", pretrain.seed, "Of the classes, the pictures and the weights");
  command->add_option("--threads", pretrain.num_threads, "Processors to use");
  command->add_option("--device", pretrain.device, "cpu, or cuda where LibTorch has it")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command->add_option("--precision", pretrain.precision, "Of convolutions: fp32 or bf16")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--checkpoint", pretrain.checkpoint,
                      "A file to go on from after a stop; written every few minutes");
  command->add_option("--checkpoint-minutes", pretrain.checkpoint_minutes, "Between two of them");
  command->add_option("--report", pretrain.steps_per_report, "Steps per line of output");
  command->callback([arguments, &action] {
    if (arguments->out.empty() && arguments->sheet.empty() && arguments->samples.empty()) {
      throw CLI::RequiredError("--out, --sheet or --samples");
    }
    action = [arguments] { return Run(*arguments); };
  });
}

}  // namespace deixis
