#include "train/fine_tune_report.h"

namespace deixis {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json ScoreToJson(const Judgement& judgement, const Score& score) {
  Json json{{"images", score.images}, {"loss", score.loss}};
  if (judgement.task == Task::kClassify) {
    json["top1"] = score.top1;
    return json;
  }
  json["marked"] = score.marked;
  json["mean_error_px"] = score.mean_error_px;
  json["median_error_px"] = score.median_error_px;
  json["p95_error_px"] = score.p95_error_px;
  if (score.presence_accuracy) json["presence_accuracy"] = *score.presence_accuracy;
  return json;
}

Result<Score> ScoreFromJson(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidData("checkpoint: expected a score, found \"" + text + "\"");
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? found->get<double>() : 0.0;
  };
  Score score;
  score.images = static_cast<int64_t>(number("images"));
  score.loss = number("loss");
  score.top1 = number("top1");
  score.marked = static_cast<int64_t>(number("marked"));
  score.mean_error_px = number("mean_error_px");
  score.median_error_px = number("median_error_px");
  score.p95_error_px = number("p95_error_px");
  if (json.contains("presence_accuracy")) score.presence_accuracy = number("presence_accuracy");
  return score;
}

Json StartLine(const FineTuneJob& job, const FineTuneInput& input, const Judgement& judgement,
               const Architecture& architecture, int num_processes, int64_t batch) {
  const Preprocessing& preprocessing = input.training.preprocessing;
  Json line{
      {"event", "start"},
      {"task", job.task},
      {"architecture", architecture.name},
      {"head", HeadNameOf(architecture)},
      {"outputs", architecture.num_outputs},
      {"categories", input.class_names},
      {"tells_presence", judgement.tells_presence},
      {"input", {{"width_px", preprocessing.width_px}, {"height_px", preprocessing.height_px}}},
      {"training_images", input.training.size()},
      {"held_out_images", input.held_out.size()}};
  if (input.test) line["test_images"] = input.test->size();
  line["epochs"] = job.epochs;
  line["batch"] = batch;
  line["processes"] = num_processes;
  line["threads"] = job.threads;
  line["device"] = job.device;
  return line;
}

}  // namespace deixis
