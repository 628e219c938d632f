// Models: looking at them, naming, activating, taking them away and out, and the weights of a layer
// under any number of centroids.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/child_process.h"
#include "base/thread_pool.h"
#include "compress/palettize.h"
#include "compress/prune.h"
#include "network/model.h"
#include "network/model_size.h"
#include "studio/app.h"

namespace deixis::studio {
namespace {

constexpr int64_t kMostWeights = 8192;
constexpr int kConvertMs = 120'000;

Problem Forbidden(const std::string& id) {
  return {.status = 403,
          .type = "forbidden",
          .title = "That one belongs to the program",
          .detail = "\"" + id + "\" is built in",
          .remedy = "Compress or teach it under a name of your own.",
          .code = ErrorCode::kUsage};
}

Reply TakenOr(const Error& error) {
  if (error.message.ends_with("already")) return Conflict(error.message, "Use another name.");
  return error;
}

Reply Describe(App* app, const std::string& id, bool whole) {
  DEIXIS_ASSIGN(const Json json, app->workspace()->models->Describe(id, whole));
  return json;
}

Reply Import(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string name = request.json["name"].get<std::string>();
  const std::string upload = request.json["upload"].get<std::string>();
  DEIXIS_RETURN_IF_ERROR(CheckName(name));
  DEIXIS_ASSIGN(const std::string file, app->uploads.Find(upload));
  // Read, recognised and written anew: what goes in is a model and nothing else.
  DEIXIS_ASSIGN(const Model model, LoadModel(file));
  const std::string staged = file + ".model";
  DEIXIS_RETURN_IF_ERROR(SaveModel(staged, model));
  const Status admitted = workspace->models->Admit(
      staged, name, {{"made_by", "import"}, {"made_from", app->uploads.NameOf(upload)}});
  unlink(staged.c_str());
  if (!admitted.ok()) return TakenOr(admitted.error());
  app->uploads.Remove(upload);
  DEIXIS_ASSIGN(const Json json, workspace->models->Describe(name, false));
  return JsonResponse(json, 201);
}

Reply RenameModel(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string& id = request.parameter("model");
  if (workspace->models->is_built_in(id)) return Forbidden(id);
  const std::string name = request.json["name"].get<std::string>();
  const Status renamed = workspace->models->Rename(id, name);
  if (!renamed.ok()) return TakenOr(renamed.error());
  return Describe(app, name, false);
}

Reply Delete(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string& id = request.parameter("model");
  if (workspace->models->is_built_in(id)) return Forbidden(id);
  for (const char* role : {"objects", "pointer"}) {
    if (workspace->project->Active(role) == id) {
      return Conflict("\"" + id + "\" is active", "Activate another one first.");
    }
  }
  DEIXIS_RETURN_IF_ERROR(workspace->models->Delete(id));
  return Empty();
}

// The quoted-string and the UTF-8 form of RFC 6266.
std::string AttachmentHeader(const std::string& name) {
  std::string plain, escaped;
  for (const char c : name) {
    const bool is_safe =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    plain += is_safe ? c : '_';
    char hex[4];
    snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    escaped += is_safe ? std::string(1, c) : std::string(hex);
  }
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + escaped;
}

Reply SendFile(const std::string& path, const std::string& name) {
  FileBody body{.file = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)), .bytes = 0};
  struct stat status = {};
  if (!body.file.is_open() || fstat(body.file.get(), &status) != 0) {
    return NotThere("the file is gone");
  }
  body.bytes = status.st_size;
  Response response{.headers = {{"Content-Type", "application/octet-stream"},
                                {"Content-Disposition", AttachmentHeader(name)}}};
  response.body = std::move(body);
  return response;
}

Reply Export(App* app, const Request& request) {
  const std::string& id = request.parameter("model");
  DEIXIS_ASSIGN(const std::string path, app->workspace()->models->PathOf(id));
  const std::string format =
      request.Query("format").empty() ? "safetensors" : request.Query("format");
  if (format == "safetensors") return SendFile(path, id + ".safetensors");
  if (format != "pth" && format != "onnx") {
    return BadRequest("format", "\"format\" must be one of safetensors|pth|onnx");
  }
  const std::string made =
      app->options.home_folder + "/.studio/export-" + RandomToken().substr(0, 16) + "." + format;
  DEIXIS_ASSIGN(const ChildOutput output,
                RunChild({app->options.program, "convert", path, "--out", made, "--quiet"}, {},
                         {.timeout_ms = kConvertMs}));
  if (output.exit_status != 0) {
    return Error{static_cast<ErrorCode>(output.exit_status),
                 "the model cannot be exported: " + output.stderr_text, "export it as safetensors"};
  }
  Reply reply = SendFile(made, id + "." + format);
  unlink(made.c_str());  // the open descriptor keeps it until it is sent
  return reply;
}

double MeanSquare(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// In decibels; null where nothing is lost, or there is nothing to lose.
Json SignalToNoise(double signal, double noise) {
  if (signal <= 0 || noise <= 0) return nullptr;
  return 10 * std::log10(signal / noise);
}

double MeanSquaredDifference(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return a.empty() ? 0 : sum / static_cast<double>(a.size());
}

struct WeightsQuestion {
  int64_t node = 0;
  std::optional<int64_t> k;
  Granularity granularity = Granularity::kRow;
  bool prune = false;
};

Reply AnswerWeights(const std::string& layer, const LayerParameters& parameters,
                    const WeightsQuestion& question) {
  const std::vector<float> weights = DenseWeights(parameters);
  const Shape& shape = WeightShape(parameters.weight);
  const int64_t nodes = shape.at(0);
  const int64_t row = static_cast<int64_t>(weights.size()) / nodes;
  if (question.node < 0 || question.node >= nodes) {
    return BadRequest("node", "\"node\" must be 0 to " + std::to_string(nodes - 1));
  }
  const auto of_node = std::span(weights).subspan(question.node * row, row);
  const int64_t step = (row + kMostWeights - 1) / kMostWeights;
  Json shown = Json::array();
  for (int64_t i = 0; i < row; i += step) shown.push_back(of_node[i]);
  Json json{{"layer", layer},
            {"shape", shape},
            {"nodes", nodes},
            {"node", question.node},
            {"weights_per_node", row},
            {"step", step},
            {"granularity", GranularityName(question.granularity)},
            {"weights", shown},
            {"dense_bytes", static_cast<int64_t>(weights.size()) * 4}};
  if (!question.k) return json;
  ThreadPool pool(1);
  PalettizeOptions options{.num_centroids = static_cast<int>(*question.k),
                           .granularity = question.granularity,
                           .channel_scales = question.granularity != Granularity::kRow};
  DEIXIS_ASSIGN(Palettization palettized, Palettize(weights, shape, options, {}, {}, pool));
  const int64_t group = palettized.GroupOfRow(question.node);
  if (question.prune) PruneNearestZero(palettized);
  const std::vector<float> shared = DenseWeights(palettized);
  const float scale = palettized.scale.empty() ? 1.0F : palettized.scale[question.node];
  Json codebook = Json::array();
  for (const float centroid : palettized.Codebook(group)) codebook.push_back(centroid * scale);
  Json indices = Json::array();
  for (int64_t i = 0; i < row; i += step) {
    indices.push_back(palettized.indices[question.node * row + i]);
  }
  const auto shared_of_node = std::span<const float>(shared).subspan(question.node * row, row);
  const double node_mse = MeanSquaredDifference(of_node, shared_of_node);
  const double layer_mse = MeanSquaredDifference(weights, shared);
  const int zero = palettized.ZeroIndex(group);
  json["k"] = *question.k;
  json["codebook"] = codebook;
  json["indices"] = indices;
  json["zero_index"] = zero >= 0 ? Json(zero) : Json(nullptr);
  json["node_mse"] = node_mse;
  json["node_snr_db"] = SignalToNoise(MeanSquare(of_node), node_mse);
  json["layer_mse"] = layer_mse;
  json["layer_snr_db"] = SignalToNoise(MeanSquare(weights), layer_mse);
  json["zero_share"] = Sparsity(palettized);
  DEIXIS_ASSIGN(const PalettizedTensor packed, Pack(palettized, DType::kF32));
  json["bytes"] = packed.num_bytes();
  return json;
}

Reply Weights(App* app, const Request& request) {
  WeightsQuestion question;
  if (const std::string text = request.Query("node"); !text.empty()) {
    question.node = IntegerIn(text).value_or(-1);
  }
  if (const std::string text = request.Query("k"); !text.empty()) {
    question.k = IntegerIn(text);
    if (!question.k || *question.k < 2 || *question.k > 256) {
      return BadRequest("k", "\"k\" must be 2 to 256");
    }
  }
  const std::string granularity = request.Query("granularity");
  if (granularity == "group") question.granularity = Granularity::kGroup;
  if (granularity == "tensor") question.granularity = Granularity::kTensor;
  if (!granularity.empty() && granularity != GranularityName(question.granularity)) {
    return BadRequest("granularity", "\"granularity\" must be one of row|group|tensor");
  }
  question.prune = request.Query("prune") == "true";
  DEIXIS_ASSIGN(const std::string path,
                app->workspace()->models->PathOf(request.parameter("model")));
  DEIXIS_ASSIGN(const Model model, LoadModel(path));
  const std::string& layer = request.parameter("layer");
  const auto found = model.layers.find(layer);
  if (found == model.layers.end()) {
    return NotThere("the network has no layer \"" + layer + "\"", "GET the model for its layers.");
  }
  return AnswerWeights(layer, found->second, question);
}

// What was tried on a model: from the jobs that compressed it.
Reply Plans(App* app, const Request& request) {
  const auto workspace = app->workspace();
  const std::string& id = request.parameter("model");
  DEIXIS_ASSIGN(const Json baseline, workspace->models->Describe(id, false));
  Json plans = Json::array();
  for (const Json& brief : workspace->jobs->List()) {
    if (brief["kind"] != "compress" || brief["state"] != "done") continue;
    if (brief["request"].value("model", "") != id) continue;
    const auto job = workspace->jobs->Find(brief["id"].get<std::string>());
    if (!job) continue;
    const Json& asked = (*job)["request"];
    const Json& result = (*job)["result"];
    plans.push_back({{"job", (*job)["id"]},
                     {"model", (*job)["model"]},
                     {"centroids", asked.value("centroids", 16)},
                     {"granularity", asked.value("granularity", "group")},
                     {"prune", asked.value("prune", false)},
                     {"activations", asked.value("activations", Json(nullptr))},
                     {"file_bytes", result.value("file_bytes", Json(nullptr))},
                     {"score", result.value("score", Json(nullptr))},
                     {"score_before", result.value("score_before", Json(nullptr))},
                     {"latency_ms", result.value("latency_ms", Json(nullptr))}});
  }
  return Json{{"baseline", baseline}, {"plans", plans}};
}

}  // namespace

void AddModelRoutes(App* app, Router& router) {
  const std::string base = "/api/v1/models";
  router.Add({.method = "GET",
              .path = base,
              .summary = "the models, and those in the bin",
              .handle = [app](const Request&) -> Reply {
                const auto workspace = app->workspace();
                return Json{{"models", workspace->models->List()},
                            {"deleted", workspace->models->Deleted()}};
              }});
  router.Add({.method = "POST",
              .path = base,
              .summary = "take an uploaded model in",
              .handle = [app](const Request& request) { return Import(app, request); },
              .body = BodyKind::kJson,
              .fields = {{.name = "upload", .required = true, .minimum = 1, .maximum = 64},
                         {.name = "name", .required = true, .minimum = 1, .maximum = 100}}});
  router.Add({.method = "GET",
              .path = base + "/{model}",
              .summary = "a model with its layers",
              .handle = [app](const Request& request) {
                return Describe(app, request.parameter("model"), true);
              }});
  router.Add({.method = "PATCH",
              .path = base + "/{model}",
              .summary = "another name",
              .handle = [app](const Request& request) { return RenameModel(app, request); },
              .body = BodyKind::kJson,
              .fields = {{.name = "name", .required = true, .minimum = 1, .maximum = 100}}});
  router.Add({.method = "DELETE",
              .path = base + "/{model}",
              .summary = "into the bin",
              .handle = [app](const Request& request) { return Delete(app, request); }});
  router.Add({.method = "POST",
              .path = base + "/{model}/restore",
              .summary = "out of the bin",
              .handle = [app](const Request& request) -> Reply {
                const Status restored =
                    app->workspace()->models->Restore(request.parameter("model"));
                if (!restored.ok()) return TakenOr(restored.error());
                return Describe(app, request.parameter("model"), false);
              }});
  router.Add({.method = "POST",
              .path = base + "/{model}/activate",
              .summary = "what live uses for its task from now on",
              .handle = [app](const Request& request) -> Reply {
                DEIXIS_RETURN_IF_ERROR(
                    app->workspace()->models->Activate(request.parameter("model")));
                return Describe(app, request.parameter("model"), false);
              }});
  router.Add({.method = "GET",
              .path = base + "/{model}/file",
              .summary = "the model as a file",
              .handle = [app](const Request& request) { return Export(app, request); },
              .query = {{"format", "safetensors, pth or onnx"}},
              .answers = "application/octet-stream"});
  router.Add({.method = "GET",
              .path = base + "/{model}/plans",
              .summary = "what was tried on it",
              .handle = [app](const Request& request) { return Plans(app, request); }});
  router.Add({.method = "GET",
              .path = base + "/{model}/layers/{layer}/weights",
              .summary = "the weights of a node, and their centroids",
              .handle = [app](const Request& request) { return Weights(app, request); },
              .query = {{"k", "centroids, 2 to 256; without it the weights alone"},
                        {"node", "the output node, from 0"},
                        {"granularity", "what shares a codebook: row, group, tensor"},
                        {"prune", "true: the centroid nearest to zero is 0"}}});
}

}  // namespace deixis::studio
