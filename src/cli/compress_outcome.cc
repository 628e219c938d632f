#include "cli/compress_outcome.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "format/printable.h"

namespace deixis::cli {
namespace {

const char* FormName(WeightForm form) { return form == WeightForm::kInt8 ? "int8" : "codebook"; }

Json LayersJson(const Outcome& outcome) {
  Json list = Json::array();
  const bool calibrated = outcome.compressed->calibration_pictures > 0;
  for (const LayerReport& report : outcome.compressed->layers) {
    list.push_back(
        Json{{"name", report.plan.name},
             {"shape", report.shape},
             {"form", FormName(report.plan.form)},
             {"centroids", report.plan.num_centroids},
             {"granularity", GranularityName(report.plan.granularity)},
             {"bytes_before", report.bytes_before},
             {"bytes_after", report.bytes_after},
             {"sparsity", report.sparsity},
             {"weight_mse", report.weight_mse},
             {"weight_snr_db", report.weight_snr_db},
             {"output_snr_db", calibrated ? Json(report.output_snr_db) : Json(nullptr)}});
  }
  return list;
}

Json ActivationsJson(const Outcome& outcome) {
  Json list = Json::array();
  for (const ActivationReport& report : outcome.compressed->activations) {
    list.push_back(Json{{"name", report.name},
                        {"scale", report.quantization.scale},
                        {"zero_point", report.quantization.zero_point},
                        {"min", report.min},
                        {"max", report.max},
                        {"clipped_fraction", report.clipped_fraction},
                        {"sqnr_db", report.sqnr_db}});
  }
  return list;
}

// The value that rounding to eight bits costs most; null without.
const ActivationReport* WorstActivation(const CompressedModel& compressed) {
  const auto worst = std::min_element(
      compressed.activations.begin(), compressed.activations.end(),
      [](const ActivationReport& a, const ActivationReport& b) { return a.sqnr_db < b.sqnr_db; });
  return worst == compressed.activations.end() ? nullptr : &*worst;
}

}  // namespace

Json OutcomeJson(const Outcome& outcome) {
  const bool classifies = outcome.model->task == Task::kClassify;
  const auto top1 = [&](const std::optional<Score>& score) {
    return score && classifies ? Json(score->evaluation.top1()) : Json(nullptr);
  };
  Json result{
      {"model", outcome.source},
      {"architecture", outcome.model->architecture.name},
      {"out", outcome.out},
      {"written", outcome.written},
      {"file_bytes", outcome.file_bytes},
      {"source_bytes", outcome.source_bytes},
      {"ratio", outcome.ratio()},
      {"float32_bytes", outcome.float32_bytes},
      {"float32_ratio", outcome.float32_ratio()},
      {"archived", outcome.archived},
      {"top1_before", top1(outcome.before)},
      {"top1_after", top1(outcome.after)},
      {"agreement", outcome.comparison ? Json(outcome.comparison->agreement) : Json(nullptr)},
      {"mean_kl_divergence",
       outcome.comparison ? Json(outcome.comparison->mean_kl_divergence) : Json(nullptr)}};
  if (outcome.before && !classifies) {
    result["mean_error_px_before"] = outcome.before->evaluation.mean_error_px();
    result["mean_error_px_after"] = outcome.after->evaluation.mean_error_px();
  }
  if (outcome.before) {
    result["measured_on"] = outcome.judged_on;
    result["images"] = outcome.before->evaluation.images;
  }
  result["calibration_images"] = outcome.compressed->calibration_pictures;
  result["seconds"] = outcome.seconds;
  result["layers"] = LayersJson(outcome);
  result["activations"] = ActivationsJson(outcome);
  return result;
}

namespace {

std::string ScoreText(const Outcome& outcome, const Style& style) {
  const Evaluation& before = outcome.before->evaluation;
  const Evaluation& after = outcome.after->evaluation;
  if (outcome.model->task == Task::kLocate) {
    return FormatFixed(before.mean_error_px(), 2) + " px -> " +
           style.Bold(FormatFixed(after.mean_error_px(), 2) + " px");
  }
  const double change = (after.top1() - before.top1()) * 100;
  return FormatPercent(before.top1()) + " -> " + style.Bold(FormatPercent(after.top1())) + "  " +
         (change > 0 ? "+" : "") + FormatFixed(change, 2) + " points";
}

std::string LayersText(const Outcome& outcome, const Style& style) {
  const bool calibrated = outcome.compressed->calibration_pictures > 0;
  bool pruned = false;
  for (const LayerReport& report : outcome.compressed->layers) {
    pruned = pruned || report.plan.prune_nearest_zero || report.plan.sparsity > 0;
  }
  std::vector<Table::Column> columns = {{"layer", Align::kLeft},  {"shape", Align::kLeft},
                                        {"K", Align::kRight},     {"before", Align::kRight},
                                        {"after", Align::kRight}, {"weights", Align::kRight}};
  if (calibrated) columns.push_back({"outputs", Align::kRight});
  std::map<std::string, double> kept_db;  // by the name of the layer that makes the value
  for (const ActivationReport& activation : outcome.compressed->activations) {
    kept_db[activation.name] = activation.sqnr_db;
  }
  if (!kept_db.empty()) columns.push_back({"kept", Align::kRight});
  if (pruned) columns.push_back({"zeros", Align::kRight});
  Table table(columns);
  for (const LayerReport& report : outcome.compressed->layers) {
    std::vector<std::string> row = {report.plan.name,
                                    ToString(report.shape),
                                    std::to_string(report.plan.num_centroids),
                                    FormatBytes(report.bytes_before),
                                    FormatBytes(report.bytes_after),
                                    FormatFixed(report.weight_snr_db, 1) + " dB"};
    if (calibrated) row.push_back(FormatFixed(report.output_snr_db, 1) + " dB");
    if (!kept_db.empty()) {
      const auto kept = kept_db.find(report.plan.name);
      row.push_back(kept == kept_db.end() ? "" : FormatFixed(kept->second, 1) + " dB");
    }
    if (pruned) row.push_back(FormatPercent(report.sparsity, 1));
    table.AddRow(std::move(row));
  }
  return table.Render(style);
}

}  // namespace

std::string OutcomeText(const Outcome& outcome, const Style& style) {
  Facts facts;
  facts.Add("model", Printable(outcome.source) + "  " + outcome.model->architecture.name);
  facts.Add(outcome.written ? "written" : "not written",
            Printable(outcome.out) + (outcome.weights.empty() ? "" : "  " + outcome.weights) +
                (outcome.archived ? ", archived" : ""));
  facts.Add("size", FormatBytes(outcome.source_bytes) + " -> " +
                        style.Bold(FormatBytes(outcome.file_bytes)) + "  " +
                        FormatFixed(outcome.ratio(), 2) + "x smaller, " +
                        FormatFixed(outcome.float32_ratio(), 2) + "x than float32");
  if (outcome.before) {
    const bool same = outcome.judged_on == outcome.calibrated_on;
    facts.Add(outcome.model->task == Task::kClassify ? "top-1" : "mean error",
              ScoreText(outcome, style) + "  on " +
                  Counted(outcome.before->evaluation.images, "picture") + " of " +
                  Printable(outcome.judged_on) + (same ? ", which it was calibrated with" : ""));
  } else {
    facts.Add("accuracy", "not measured: no --data");
  }
  if (outcome.comparison) {
    facts.Add("answers", FormatPercent(outcome.comparison->agreement) +
                             " the same as before, divergence " +
                             FormatFixed(outcome.comparison->mean_kl_divergence, 4) + " nats");
  }
  if (const ActivationReport* worst = WorstActivation(*outcome.compressed)) {
    const auto count = static_cast<int64_t>(outcome.compressed->activations.size());
    facts.Add("activations", "int8, " + Counted(count, "value") + ", the least accurate at " +
                                 FormatFixed(worst->sqnr_db, 1) + " dB (" + worst->name + ")");
  } else if (!outcome.model->activations.empty()) {
    facts.Add("activations",
              "float32: the scales of the source's eight bits are gone; --activations int8 --data "
              "DIR finds new ones");
  }
  if (outcome.compressed->calibration_pictures > 0) {
    facts.Add("calibrated", "with " + Counted(outcome.compressed->calibration_pictures, "picture") +
                                " of " + Printable(outcome.calibrated_on) +
                                ", mirror images included");
  }
  facts.Add("time", FormatSeconds(outcome.seconds));
  const size_t kept = outcome.model->layers.size() - outcome.compressed->layers.size();
  if (kept > 0) {
    facts.Add("left as is", Counted(static_cast<int64_t>(kept), "layer") + ", bit for bit");
  }
  return facts.Render(style) + "\n" + LayersText(outcome, style);
}

}  // namespace deixis::cli
