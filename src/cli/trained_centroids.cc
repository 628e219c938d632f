#include "cli/trained_centroids.h"

#include <vector>

#include "cli/models.h"
#include "cli/staged_file.h"
#include "pipeline/trainer_program.h"

namespace deixis::cli {
namespace {

void Show(std::string_view text, Console& console) {
  const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object() || line.value("event", "") != "epoch") return;
  const int epoch = line.value("epoch", 0);
  const int epochs = line.value("epochs", 1);
  console.ProgressShare("training centroids", static_cast<double>(epoch) / epochs,
                        "epoch " + std::to_string(epoch) + " of " + std::to_string(epochs));
}

}  // namespace

Result<Model> TrainedCentroids(const Arguments& arguments, const std::string& source,
                               const Model& compressed, Console& console) {
  DEIXIS_ASSIGN(const std::string trainer, FindTrainer());
  // Both lie beside the result and are removed whatever happens.
  const StagedFile before(arguments.Text("out") + ".compressed");
  const StagedFile after(arguments.Text("out") + ".trained");
  DEIXIS_RETURN_IF_ERROR(SaveModel(before.path(), compressed));
  std::vector<std::string> words = {"centroids",
                                    "--model",
                                    before.path(),
                                    "--teacher",
                                    source,
                                    "--data",
                                    arguments.Text("finetune"),
                                    "--out",
                                    after.path(),
                                    "--threads",
                                    std::to_string(ThreadsOf(arguments))};
  if (arguments.Given("finetune-epochs")) {
    words.insert(words.end(), {"--epochs", arguments.Text("finetune-epochs")});
  }
  const auto ended = RunTrainer(
      trainer, words,
      {.on_line = [&](std::string_view line) { Show(line, console); }, .is_cancelled = {}});
  console.EndProgress();
  if (!ended.ok()) return ended.error();
  return LoadModel(after.path());
}

}  // namespace deixis::cli
