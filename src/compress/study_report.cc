// Writes a Study: one page with its data inside, the same data as JSON, and tables as CSV. What the
// page expects is written down in web/src/report/data.ts.
#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "base/file.h"
#include "compress/report_page.h"
#include "compress/study.h"
#include "vision/csv.h"

namespace deixis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxPageWeights = 2'000'000;
constexpr std::string_view kDataMarker = "<!--DEIXIS_REPORT_DATA-->";

// RFC 4648, of the little-endian bytes of `values`.
std::string Base64(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto bytes = std::as_bytes(values);
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t triple = 0;
    for (size_t j = 0; j < 3; ++j) {
      triple = triple << 8 | (j < count ? std::to_integer<uint32_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += j <= count ? kAlphabet[triple >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

std::string MetricName(const Study& study) {
  return study.task == Task::kLocate ? "mean_error_px" : "top1";
}

int64_t NodesOnPage(const Study& study) {
  return std::clamp<int64_t>(kMaxPageWeights / std::max<int64_t>(study.weights_per_node, 1), 1,
                             study.nodes);
}

Json CaseJson(const StudyCase& each, int64_t nodes) {
  Json removed = Json::array();
  for (int64_t node = 0; node < nodes; ++node) removed.push_back(each.pruned.removed[node]);
  return Json{
      {"centroids", each.centroids},
      {"bits_per_index", each.bits_per_index},
      {"bytes", each.bytes},
      {"weight_mse", each.weight_mse},
      {"score", each.score},
      {"codebooks", Base64(std::span(each.codebooks).first(nodes * each.centroids))},
      {"pruned", Json{{"removed", std::move(removed)},
                      {"sparsity", each.pruned.sparsity},
                      {"weight_mse", each.pruned.weight_mse},
                      {"score", each.pruned.score}}},
  };
}

Json StudyJson(const Study& study) {
  const int64_t nodes = NodesOnPage(study);
  Json cases = Json::array();
  for (const StudyCase& each : study.cases) cases.push_back(CaseJson(each, nodes));
  Json plans = Json::array();
  for (const StudyPlan& plan : study.plans) {
    plans.push_back(Json{{"granularity", GranularityName(plan.granularity)},
                         {"centroids", plan.centroids},
                         {"calibrated", plan.calibrated},
                         {"bytes", plan.bytes},
                         {"ratio", plan.ratio},
                         {"score", plan.score}});
  }
  return Json{
      {"schema", 1},
      {"model", Json{{"path", study.model_path},
                     {"architecture", study.architecture},
                     {"bytes", study.model_bytes}}},
      {"data",
       Json{{"folder", study.data_folder},
            {"calibration",
             study.calibration_folder.empty() ? Json(nullptr) : Json(study.calibration_folder)}}},
      {"metric", Json{{"kind", MetricName(study)}, {"images", study.images}}},
      {"baseline", Json{{"score", study.baseline_score}}},
      {"layer",
       Json{{"name", study.layer},
            {"nodes", study.nodes},
            {"nodes_included", nodes},
            {"weights_per_node", study.weights_per_node},
            {"source_bytes", study.nodes * study.weights_per_node * 4},
            {"weights", Base64(std::span(study.weights).first(nodes * study.weights_per_node))},
            {"node_names", study.node_names},
            {"cases", std::move(cases)}}},
      {"network", std::move(plans)},
  };
}

// JSON inside a script element: "</" would end it, and "<!--" would begin a comment.
std::string ScriptSafe(std::string json) {
  for (size_t at = json.find('<'); at != std::string::npos; at = json.find('<', at + 1)) {
    json.replace(at, 1, "\\u003c");
  }
  return json;
}

Result<std::string> Page(const std::string& json) {
  std::string page(ReportPage());
  const size_t marker = page.find(kDataMarker);
  if (marker == std::string::npos) return InternalError("the report page has no place for data");
  page.replace(
      marker, kDataMarker.size(),
      "<script type=\"application/json\" id=\"report-data\">" + ScriptSafe(json) + "</script>");
  return page;
}

std::string Number(double value) { return Json(value).dump(); }

std::string LayerCsv(const Study& study) {
  std::string csv = "centroids,pruned," + MetricName(study) + ",weight_mse,sparsity,bytes\n";
  const int64_t source_bytes = study.nodes * study.weights_per_node * 4;
  csv += "none,no," + Number(study.baseline_score) + ",0,0," + std::to_string(source_bytes) + "\n";
  for (const StudyCase& each : study.cases) {
    const std::string k = std::to_string(each.centroids);
    csv += k + ",no," + Number(each.score) + "," + Number(each.weight_mse) + ",0," +
           std::to_string(each.bytes) + "\n";
    csv += k + ",nearest-zero," + Number(each.pruned.score) + "," + Number(each.pruned.weight_mse) +
           "," + Number(each.pruned.sparsity) + "," + std::to_string(each.bytes) + "\n";
  }
  return csv;
}

std::string CodebooksCsv(const Study& study) {
  std::string csv = "node,name,centroids,index,centroid,removed_by_pruning\n";
  for (const StudyCase& each : study.cases) {
    for (int64_t node = 0; node < study.nodes; ++node) {
      const std::string name =
          node < static_cast<int64_t>(study.node_names.size()) ? study.node_names[node] : "";
      for (int k = 0; k < each.centroids; ++k) {
        csv += std::to_string(node) + "," + CsvField(name) + "," + std::to_string(each.centroids) +
               "," + std::to_string(k) + "," + Number(each.codebooks[node * each.centroids + k]) +
               "," + (each.pruned.removed[node] == k ? "yes" : "no") + "\n";
      }
    }
  }
  return csv;
}

std::string NetworkCsv(const Study& study) {
  std::string csv = "granularity,centroids,calibrated,bytes,ratio," + MetricName(study) + "\n";
  for (const StudyPlan& plan : study.plans) {
    csv += std::string(GranularityName(plan.granularity)) + "," + std::to_string(plan.centroids) +
           "," + (plan.calibrated ? "yes" : "no") + "," + std::to_string(plan.bytes) + "," +
           Number(plan.ratio) + "," + Number(plan.score) + "\n";
  }
  return csv;
}

}  // namespace

Status WriteStudy(const Study& study, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return ResourceError(folder + ": cannot make the folder: " + error.message(),
                         "choose a folder that you may write to");
  }
  const Json json = StudyJson(study);
  DEIXIS_ASSIGN(const std::string page, Page(json.dump()));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/study.json", json.dump(1) + "\n"));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/layer.csv", LayerCsv(study)));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/codebooks.csv", CodebooksCsv(study)));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/network.csv", NetworkCsv(study)));
  return WriteFileAtomically(folder + "/index.html", page);
}

}  // namespace deixis
