#include "cli/train_full.h"

#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "pipeline/trainer_program.h"

namespace deixis::cli {
namespace {

// Passed on as they are; the trainer has the same names.
constexpr std::string_view kPassedOn[] = {
    "epochs",        "batch",    "learning-rate",  "input-px", "patience",
    "frozen-stages", "held-out", "held-out-where", "seed",     "job"};

std::vector<std::string> TrainerArguments(const Arguments& arguments) {
  std::vector<std::string> words = {"finetune",
                                    "--data",
                                    arguments.words().front(),
                                    "--backbone",
                                    arguments.Text("backbone"),
                                    "--out",
                                    arguments.Text("out"),
                                    "--threads",
                                    std::to_string(ThreadsOf(arguments))};
  // A job file's task counts where none was given.
  if (arguments.Given("task") || !arguments.Given("job")) {
    words.insert(words.end(), {"--task", arguments.Text("task")});
  }
  for (const std::string_view flag : kPassedOn) {
    if (arguments.Given(flag)) {
      words.insert(words.end(), {"--" + std::string(flag), arguments.Text(flag)});
    }
  }
  if (arguments.Switch("resume")) words.emplace_back("--resume");
  return words;
}

std::string ScoreText(const Json& score) {
  if (score.contains("top1")) {
    return FormatPercent(score.at("top1").get<double>()) + " named right";
  }
  return FormatFixed(score.value("mean_error_px", 0.0), 2) + " px mean error";
}

// Shows one line of the trainer as progress.
void Show(const Json& line, Console& console) {
  const std::string event = line.value("event", "");
  if (event != "progress" && event != "epoch") return;
  const double epochs = line.value("epochs", 1);
  const double steps = line.value("steps", 1);
  const double done = event == "epoch" ? line.value("epoch", 0)
                                       : line.value("epoch", 1) - 1 + line.value("step", 0) / steps;
  std::string detail = "epoch " + std::to_string(line.value("epoch", 0)) + " of " +
                       std::to_string(line.value("epochs", 0));
  if (line.contains("held_out")) detail += ", held out " + ScoreText(line.at("held_out"));
  console.ProgressShare("training", done / epochs, detail);
}

}  // namespace

Status CheckNoFullTrainingFlags(const Arguments& arguments) {
  for (const std::string_view flag : kPassedOn) {
    if (!arguments.Given(flag)) continue;
    return UsageError("--" + std::string(flag) + " is for training all of the network",
                      "add --method full, or leave it out");
  }
  if (!arguments.Switch("resume")) return Ok();
  return UsageError("--resume is for training all of the network",
                    "add --method full, or leave it out");
}

Status RunFullTraining(const Arguments& arguments, Console& console) {
  for (const char* flag : {"pooled-stages", "varied-copies"}) {
    if (!arguments.Given(flag)) continue;
    return UsageError("--" + std::string(flag) + " is for teaching the last layer alone",
                      "leave it out, or leave out --method full");
  }
  const std::string& out = arguments.Text("out");
  // A training that goes on replaces what it wrote itself.
  DEIXIS_RETURN_IF_ERROR(CheckOutput("--out", out, arguments.Text("backbone"),
                                     arguments.Switch("overwrite") || arguments.Switch("resume")));
  DeclareOutput(out);
  DEIXIS_ASSIGN(const std::string trainer, FindTrainer());
  Json done;
  const auto ended = RunTrainer(trainer, TrainerArguments(arguments),
                                {.on_line =
                                     [&](std::string_view text) {
                                       Json line =
                                           Json::parse(text, nullptr, /*allow_exceptions=*/false);
                                       if (!line.is_object()) return;
                                       Show(line, console);
                                       if (line.value("event", "") == "done")
                                         done = std::move(line);
                                     },
                                 .is_cancelled = {}});
  console.EndProgress();
  if (!ended.ok()) return ended.error();
  if (!done.is_object()) return InternalError("training: deixis-train ended without a result");

  Facts facts;
  facts.Add("model", Printable(out) + "  " + FormatBytes(done.value("file_bytes", int64_t{0})));
  facts.Add("backbone", Printable(arguments.Text("backbone")));
  facts.Add("trained on", Printable(arguments.words().front()) + ", best epoch " +
                              std::to_string(done.value("best_epoch", 0)));
  facts.Add("held out", ScoreText(done.at("held_out")) + " of " +
                            Counted(done.at("held_out").value("images", int64_t{0}), "picture"));
  if (done.contains("test")) facts.Add("test", ScoreText(done.at("test")));
  facts.Add("took", FormatFixed(done.value("seconds", 0.0), 1) + " s, " +
                        FormatBytes(done.value("peak_rss_bytes", int64_t{0})) + " of memory");
  console.Print(facts.Render(console.style()));
  Json result{{"model", out},
              {"backbone", arguments.Text("backbone")},
              {"data", arguments.words().front()},
              {"method", "full"}};
  for (const auto& item : done.items()) {
    if (item.key() != "event" && item.key() != "schema" && item.key() != "model") {
      result[item.key()] = item.value();
    }
  }
  console.SetResult("train", std::move(result));
  return Ok();
}

}  // namespace deixis::cli
