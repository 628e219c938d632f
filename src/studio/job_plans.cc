#include "studio/job_plans.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "network/model.h"
#include "pipeline/trainer_program.h"
#include "runtime/executor.h"
#include "vision/csv.h"

namespace deixis::studio {
namespace {

namespace fs = std::filesystem;

constexpr int kLatencyRuns = 15;

int64_t NumberOf(const Json& json, const char* name, int64_t otherwise) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<int64_t>() : otherwise;
}

bool IsTrue(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

Result<std::string> Required(const Json& request, const char* name) {
  std::string text = TextOf(request, name);
  if (text.empty()) return UsageError("\"" + std::string(name) + "\" is missing", "say which");
  return text;
}

enum class Side { kTraining, kHeldOut, kAll };

// Part of a dataset as a folder of its own: a table that names the pictures where they lie.
struct Part {
  std::string folder;
  std::vector<std::string> ids;         // of the samples, in the table's order
  std::vector<std::string> categories;  // by label
  std::vector<int> labels;              // of the samples of things
};

// The picture under a name of its own in `folder`, for a job that may outlive its place in the
// dataset; a second name for the same bytes where the file system can.
std::string Keep(const std::string& picture, int64_t id, const std::string& folder) {
  std::error_code error;
  const std::string kept =
      folder + "/" + std::to_string(id) + fs::path(picture).extension().string();
  fs::remove(kept, error);
  fs::create_hard_link(picture, kept, error);
  if (error) fs::copy_file(picture, kept, error);
  return error ? picture : kept;
}

enum class Pictures { kWhereTheyLie, kKept };

Result<Part> WritePart(Project& project, const std::string& dataset, Side side,
                       const std::string& folder, Pictures pictures = Pictures::kWhereTheyLie) {
  std::error_code error;
  fs::create_directories(folder, error);
  Part part{.folder = folder, .ids = {}, .categories = {}, .labels = {}};
  std::string table;
  const Reply reply = project.WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    const bool is_pointing = store.kind() == DatasetKind::kPointing;
    table = is_pointing ? "file,category,x_px,y_px,presence\n" : "file,label,class\n";
    // A category that is still empty, as "nothing" is at first, is no part of it.
    for (const CategoryCount& count : store.CountByCategory()) {
      if (is_pointing || count.pictures > 0) part.categories.push_back(count.name);
    }
    // Of one that has no picture on this side the folder tells the name.
    for (const std::string& category : part.categories) {
      if (!is_pointing) fs::create_directory(fs::path(folder) / category, error);
    }
    for (const StoredSample& sample : store.samples()) {
      const bool is_held_out = sample.held_out.value_or(false);
      if (side != Side::kAll && is_held_out != (side == Side::kHeldOut)) continue;
      if (is_pointing && sample.marks.empty()) continue;
      std::string path = store.PathOf(sample);
      if (pictures == Pictures::kKept) path = Keep(path, sample.id, folder);
      const std::string file = CsvField(path);
      if (!is_pointing) {
        const auto at = std::find(part.categories.begin(), part.categories.end(), sample.category);
        if (at == part.categories.end()) continue;
        part.labels.push_back(static_cast<int>(at - part.categories.begin()));
        table += file + "," + std::to_string(part.labels.back()) + "," + CsvField(sample.category) +
                 "\n";
        part.ids.push_back(std::to_string(sample.id));
        continue;
      }
      for (const auto& [category, mark] : sample.marks) {
        table += file + "," + CsvField(category) + ",";
        table +=
            mark ? std::to_string(mark->x) + "," + std::to_string(mark->y) + ",1\n" : "0,0,0\n";
      }
      part.ids.push_back(std::to_string(sample.id));
    }
    table = (is_pointing ? "points.csv\n" : "labels.csv\n") + table;
    return Empty();
  });
  if (table.empty()) return NotFound("there is no dataset \"" + dataset + "\"");
  if (part.ids.empty()) {
    return InvalidData("the dataset \"" + dataset + "\" has no pictures " +
                           (side == Side::kHeldOut ? "that are held out" : "to work with"),
                       "collect some first");
  }
  for (size_t label = 0; side == Side::kTraining && label < part.categories.size(); ++label) {
    const bool is_there =
        part.labels.empty() || std::find(part.labels.begin(), part.labels.end(),
                                         static_cast<int>(label)) != part.labels.end();
    if (is_there) continue;
    return InvalidData("the category \"" + part.categories[label] +
                           "\" has no pictures to learn from: there are none, or all are held out",
                       "collect more of it, from other sides and in other places, or delete it");
  }
  const size_t line = table.find('\n');
  DEIXIS_RETURN_IF_ERROR(
      WriteFileAtomically(folder + "/" + table.substr(0, line), table.substr(line + 1)));
  return part;
}

std::string Threads(const JobContext& context) { return std::to_string(context.num_threads); }

// The median time of one picture on one thread; null when the model cannot be run.
Json LatencyMs(const std::string& path) {
  const auto model = LoadModel(path);
  if (!model.ok()) return nullptr;
  auto executor = Executor::Create(*model);
  if (!executor.ok()) return nullptr;
  const std::vector<uint8_t> picture(executor->height_px() * executor->width_px() * 3, 128);
  std::vector<double> times;
  for (int run = 0; run < kLatencyRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    (void)executor->Run(picture);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::nth_element(times.begin(), times.begin() + kLatencyRuns / 2, times.end());
  return times[kLatencyRuns / 2];
}

Json ScoreJson(const std::string& name, const Json& value, const Json& images,
               const std::string& split) {
  if (!value.is_number()) return nullptr;
  return {{"name", name}, {"value", value}, {"images", images}, {"split", split}};
}

// The model that a job made goes to the project's; a name that was taken meanwhile gets a number.
Status AdmitModel(const JobContext& context, const std::string& file, const std::string& name,
                  Json known, Json& job) {
  known["latency_ms"] = LatencyMs(file);
  Status status = context.models->Admit(file, name, known);
  std::string given = name;
  for (int i = 2; !status.ok() && status.error().code == ErrorCode::kUsage && i < 100; ++i) {
    given = name + " " + std::to_string(i);
    status = context.models->Admit(file, given, known);
  }
  if (status.ok()) job["model"] = given;
  return status;
}

// A name for what will be made, which is free now.
Result<std::string> FreeName(const JobContext& context, const Json& request) {
  DEIXIS_ASSIGN(std::string name, Required(request, "name"));
  DEIXIS_RETURN_IF_ERROR(CheckName(name));
  if (context.models->PathOf(name).ok()) {
    return Error{ErrorCode::kBusy, "there is a model \"" + name + "\" already", "use another name"};
  }
  return name;
}

Result<JobPlan> PlanTeach(const JobContext& context, const Json& request,
                          const std::string& folder) {
  DEIXIS_ASSIGN(const std::string name, FreeName(context, request));
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  DEIXIS_ASSIGN(const std::string backbone, Required(request, "backbone"));
  DEIXIS_ASSIGN(const std::string path, context.models->PathOf(backbone));
  DEIXIS_ASSIGN(const Part part,
                WritePart(*context.project, dataset, Side::kTraining, folder + "/training"));
  const bool locates = dataset == "pointing";
  const std::string out = folder + "/model.safetensors";
  JobPlan plan;
  plan.command = {context.program,
                  "train",
                  part.folder,
                  "--task",
                  locates ? "locate" : "classify",
                  "--backbone",
                  path,
                  "--out",
                  out,
                  "--overwrite",
                  "--threads",
                  Threads(context),
                  "--json",
                  "--progress",
                  "json"};
  plan.finish = [context, out, name, backbone](const Json& output, Json& job) -> Result<Json> {
    const bool is_share = output.contains("held_out_top1");
    const char* member = is_share ? "held_out_top1" : "held_out_mean_error_px";
    const Json score =
        ScoreJson(is_share ? "top1" : "mean_error_px", output.value(member, Json(nullptr)),
                  output.value("images", Json(nullptr)), "left out in turn");
    DEIXIS_RETURN_IF_ERROR(
        AdmitModel(context, out, name,
                   {{"made_by", "teach"}, {"made_from", backbone}, {"score", score}}, job));
    return output;
  };
  return plan;
}

// The folders of pictures and the settings of a training.
Status WriteFineTuneSettings(const JobContext& context, const Json& request,
                             const std::string& folder, const std::string& backbone_path,
                             const std::string& settings_path) {
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  DEIXIS_ASSIGN(const Part training, WritePart(*context.project, dataset, Side::kTraining,
                                               folder + "/training", Pictures::kKept));
  DEIXIS_ASSIGN(const Part held_out, WritePart(*context.project, dataset, Side::kHeldOut,
                                               folder + "/held_out", Pictures::kKept));
  const std::string freeze = TextOf(request, "freeze", "none");
  const int frozen = freeze == "backbone" ? 5 : freeze == "stem" ? 1 : 0;
  Json settings{{"data", training.folder},
                {"held_out", held_out.folder},
                {"backbone", backbone_path},
                {"out", folder + "/model.safetensors"},
                {"task", dataset == "pointing" ? "locate" : "classify"},
                {"epochs", NumberOf(request, "epochs", 10)},
                {"batch", NumberOf(request, "batch", 16)},
                {"frozen_stages", frozen},
                {"threads", context.num_threads}};
  if (request.contains("learning_rate") && request["learning_rate"].is_number()) {
    settings["learning_rate"] = request["learning_rate"];
  }
  return WriteFileAtomically(settings_path, settings.dump(1) + "\n");
}

Result<JobPlan> PlanFineTune(const JobContext& context, const Json& request,
                             const std::string& folder) {
  DEIXIS_ASSIGN(const std::string program, FindTrainer());
  DEIXIS_ASSIGN(const std::string name, FreeName(context, request));
  DEIXIS_ASSIGN(const std::string backbone, Required(request, "backbone"));
  DEIXIS_ASSIGN(const std::string path, context.models->PathOf(backbone));
  const std::string out = folder + "/model.safetensors";
  const std::string settings_path = folder + "/settings.json";
  JobPlan plan;
  plan.checkpoint_path = out + ".checkpoint";
  std::error_code ignored;
  // One that goes on does so with the pictures that it began with.
  if (!fs::exists(plan.checkpoint_path, ignored)) {
    DEIXIS_RETURN_IF_ERROR(WriteFineTuneSettings(context, request, folder, path, settings_path));
  }
  plan.command = {program, "finetune", "--job", settings_path};
  plan.resume_command = plan.command;
  plan.resume_command.push_back("--resume");
  plan.finish = [context, out, name, backbone](const Json& output, Json& job) -> Result<Json> {
    const Json held = output.value("held_out", Json::object());
    const bool is_share = held.contains("top1");
    const Json score = ScoreJson(is_share ? "top1" : "mean_error_px",
                                 held.value(is_share ? "top1" : "mean_error_px", Json(nullptr)),
                                 held.value("images", Json(nullptr)), "held_out");
    DEIXIS_RETURN_IF_ERROR(
        AdmitModel(context, out, name,
                   {{"made_by", "finetune"}, {"made_from", backbone}, {"score", score}}, job));
    return output;
  };
  return plan;
}

// The table that `deixis eval --predictions` writes, as pictures and confusion.
Result<Json> WithPredictions(const std::string& path, const Part& part, Json output) {
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(path));
  DEIXIS_ASSIGN(const CsvTable table, ParseCsv(text));
  const int column = table.Column({"predicted_name"});
  if (column < 0 || table.rows.size() != part.ids.size()) {
    return InternalError(path + ": expected a prediction for each of " +
                         std::to_string(part.ids.size()) + " pictures, found " +
                         std::to_string(table.rows.size()));
  }
  // By name: a model may know other things than the pictures show.
  std::vector<std::string> categories = part.categories;
  std::vector<std::pair<size_t, size_t>> cells;
  Json pictures = Json::array();
  // One row per picture, in the order in which they were asked for.
  for (size_t i = 0; i < part.ids.size(); ++i) {
    const std::string& name = table.rows[i].fields[static_cast<size_t>(column)];
    auto found = std::find(categories.begin(), categories.end(), name);
    if (found == categories.end()) found = categories.insert(categories.end(), name);
    const auto actual = static_cast<size_t>(part.labels[i]);
    cells.emplace_back(actual, found - categories.begin());
    pictures.push_back(
        {{"sample", part.ids[i]}, {"actual", categories[actual]}, {"predicted", name}});
  }
  std::vector<std::vector<int64_t>> confusion(categories.size(),
                                              std::vector<int64_t>(categories.size(), 0));
  for (const auto& [actual, predicted] : cells) ++confusion[actual][predicted];
  output["categories"] = categories;
  output["confusion"] = confusion;
  output["pictures"] = pictures;
  return output;
}

Result<JobPlan> PlanEvaluate(const JobContext& context, const Json& request,
                             const std::string& folder) {
  DEIXIS_ASSIGN(const std::string model, Required(request, "model"));
  DEIXIS_ASSIGN(const std::string path, context.models->PathOf(model));
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  const std::string split = TextOf(request, "split", "held_out");
  const Side side = split == "all"     ? Side::kAll
                    : split == "train" ? Side::kTraining
                                       : Side::kHeldOut;
  DEIXIS_ASSIGN(const Part part, WritePart(*context.project, dataset, side, folder + "/pictures"));
  const bool classifies = dataset == "things";
  const std::string predictions = folder + "/predictions.csv";
  JobPlan plan;
  plan.command = {context.program, "eval",           path,     "--data",     part.folder,
                  "--threads",     Threads(context), "--json", "--progress", "json"};
  if (classifies) plan.command.insert(plan.command.end(), {"--predictions", predictions});
  plan.finish = [context, predictions, classifies, part, model, split](const Json& output,
                                                                       Json& job) -> Result<Json> {
    const char* name = classifies ? "top1" : "mean_error_px";
    job["score"] = name;
    DEIXIS_RETURN_IF_ERROR(context.models->Note(
        model, {{"score", ScoreJson(name, output.value(name, Json(nullptr)),
                                    output.value("images", Json(nullptr)), split)}}));
    if (!classifies) return output;
    return WithPredictions(predictions, part, output);
  };
  return plan;
}

Result<JobPlan> PlanCompress(const JobContext& context, const Json& request,
                             const std::string& folder) {
  DEIXIS_ASSIGN(const std::string name, FreeName(context, request));
  DEIXIS_ASSIGN(const std::string model, Required(request, "model"));
  DEIXIS_ASSIGN(const std::string path, context.models->PathOf(model));
  const std::string out = folder + "/model.safetensors";
  JobPlan plan;
  plan.command = {context.program, "compress",       path,     "--out",      out,   "--overwrite",
                  "--threads",     Threads(context), "--json", "--progress", "json"};
  const auto add = [&](const std::string& flag, const std::string& value) {
    plan.command.push_back(flag);
    plan.command.push_back(value);
  };
  const std::string dataset = TextOf(request, "dataset");
  std::string judged_on = "calibration";
  if (!dataset.empty()) {
    DEIXIS_ASSIGN(const Part part,
                  WritePart(*context.project, dataset, Side::kTraining, folder + "/training"));
    add("--data", part.folder);
    const auto held_out =
        WritePart(*context.project, dataset, Side::kHeldOut, folder + "/held_out");
    if (held_out.ok()) {
      add("--eval", held_out->folder);
      judged_on = "held_out";
    }
  }
  const bool has_target = request.contains("target_bytes") && request["target_bytes"].is_number();
  if (has_target) {
    add("--target-bytes", std::to_string(NumberOf(request, "target_bytes", 0)));
  } else if (request.contains("centroids") && request["centroids"].is_number()) {
    add("--centroids", std::to_string(NumberOf(request, "centroids", 16)));
  }
  if (request.contains("max_drop") && request["max_drop"].is_number()) {
    add("--max-drop", std::to_string(request["max_drop"].get<double>()));
  }
  if (request.contains("granularity"))
    add("--granularity", TextOf(request, "granularity", "group"));
  if (IsTrue(request, "prune")) add("--prune", "nearest-zero");
  if (!TextOf(request, "activations").empty()) add("--activations", "int8");
  if (!TextOf(request, "layers").empty()) add("--layers", TextOf(request, "layers"));
  plan.finish = [context, out, name, model, judged_on](const Json& output,
                                                       Json& job) -> Result<Json> {
    Json result = output;
    const auto score = [&](const char* share, const char* error) -> Json {
      const Json images = output.value("images", Json(nullptr));
      if (output.contains(share) && output[share].is_number()) {
        return ScoreJson("top1", output[share], images, judged_on);
      }
      return ScoreJson("mean_error_px", output.value(error, Json(nullptr)), images, judged_on);
    };
    result["score"] = score("top1_after", "mean_error_px_after");
    result["score_before"] = score("top1_before", "mean_error_px_before");
    DEIXIS_RETURN_IF_ERROR(AdmitModel(
        context, out, name,
        {{"made_by", "compress"}, {"made_from", model}, {"score", result["score"]}}, job));
    DEIXIS_ASSIGN(const Json made,
                  context.models->Describe(job["model"].get<std::string>(), false));
    result["latency_ms"] = made["latency_ms"];
    return result;
  };
  return plan;
}

Result<JobPlan> PlanStudy(const JobContext& context, const Json& request,
                          const std::string& folder) {
  DEIXIS_ASSIGN(const std::string model, Required(request, "model"));
  DEIXIS_ASSIGN(const std::string path, context.models->PathOf(model));
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  DEIXIS_ASSIGN(const Part part,
                WritePart(*context.project, dataset, Side::kAll, folder + "/pictures"));
  std::string centroids = "2,3,8,16";
  if (request.contains("centroids") && request["centroids"].is_array()) {
    centroids.clear();
    for (const Json& k : request["centroids"]) {
      centroids += (centroids.empty() ? "" : ",") + std::to_string(k.get<int64_t>());
    }
  }
  JobPlan plan;
  plan.command = {
      context.program,    "study",       path,      "--data",    part.folder,      "--out",
      folder + "/report", "--centroids", centroids, "--threads", Threads(context), "--json",
      "--progress",       "json"};
  if (!TextOf(request, "layer").empty()) {
    plan.command.insert(plan.command.end(), {"--layer", TextOf(request, "layer")});
  }
  plan.finish = [](const Json& output, Json&) -> Result<Json> { return output; };
  return plan;
}

// A folder's place, of a dataset that is there.
Result<std::string> DatasetFolder(Project& project, const std::string& dataset) {
  std::string folder;
  project.WithDataset(dataset, [&](DatasetStore& store) -> Reply {
    folder = store.folder();
    return Empty();
  });
  if (folder.empty()) return NotFound("there is no dataset \"" + dataset + "\"");
  return folder;
}

// An archive of somebody's pictures into a dataset, whole or not at all.
Result<JobPlan> PlanImport(const JobContext& context, const Json& request) {
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  DEIXIS_ASSIGN(const std::string upload, Required(request, "upload"));
  DEIXIS_ASSIGN(const std::string folder, DatasetFolder(*context.project, dataset));
  DEIXIS_ASSIGN(const std::string file, context.uploads->Find(upload));
  JobPlan plan;
  plan.command = {context.program,
                  "data",
                  "import",
                  folder,
                  file,
                  "--kind",
                  dataset == "pointing" ? "pointing" : "objects",
                  "--threads",
                  Threads(context),
                  "--json",
                  "--progress",
                  "json"};
  if (const std::string category = TextOf(request, "category"); !category.empty()) {
    plan.command.insert(plan.command.end(), {"--category", category});
  }
  plan.finish = [context, dataset, upload](const Json& output, Json&) -> Result<Json> {
    context.uploads->Remove(upload);
    context.project->PublishDataset(dataset);
    return output;
  };
  return plan;
}

Result<JobPlan> PlanExport(const JobContext& context, const Json& request,
                           const std::string& folder) {
  DEIXIS_ASSIGN(const std::string dataset, Required(request, "dataset"));
  DEIXIS_ASSIGN(const std::string from, DatasetFolder(*context.project, dataset));
  JobPlan plan;
  plan.command = {context.program,
                  "data",
                  "export",
                  from,
                  folder + "/dataset.zip",
                  "--layout",
                  TextOf(request, "layout", "tables"),
                  "--json",
                  "--progress",
                  "json"};
  plan.finish = [](const Json& output, Json&) -> Result<Json> { return output; };
  return plan;
}

}  // namespace

Result<JobPlan> PlanJob(const JobContext& context, const Json& request, const std::string& folder) {
  const std::string kind = TextOf(request, "kind");
  if (kind == "teach") return PlanTeach(context, request, folder);
  if (kind == "finetune") return PlanFineTune(context, request, folder);
  if (kind == "evaluate") return PlanEvaluate(context, request, folder);
  if (kind == "compress") return PlanCompress(context, request, folder);
  if (kind == "study") return PlanStudy(context, request, folder);
  if (kind == "import") return PlanImport(context, request);
  if (kind == "export") return PlanExport(context, request, folder);
  return UsageError("there is no kind of job \"" + kind + "\"",
                    "the kinds are teach, finetune, evaluate, compress, study, import and export");
}

}  // namespace deixis::studio
