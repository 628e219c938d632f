#include "cli/models.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/dtype.h"
#include "base/thread_pool.h"

namespace deixis::cli {

namespace fs = std::filesystem;

int ThreadsOf(const Arguments& arguments) {
  if (arguments.Has("threads")) return static_cast<int>(arguments.Integer("threads"));
  return ThreadPool::AvailableProcessors();
}

std::string_view TaskName(Task task) { return task == Task::kClassify ? "classify" : "locate"; }

std::string ClassName(const Model& model, int64_t index) {
  const auto place = static_cast<size_t>(index);
  if (place < model.class_names.size()) return model.class_names[place];
  return "class " + std::to_string(index);
}

std::string StorageText(const LayerParameters& layer) {
  if (const auto* dense = std::get_if<Tensor>(&layer.weight)) {
    return std::string(TorchName(dense->dtype()));
  }
  const auto& palettized = std::get<PalettizedTensor>(layer.weight);
  std::string text = std::to_string(palettized.bits_per_index()) +
                     "-bit, K=" + std::to_string(palettized.num_centroids);
  if (palettized.group_rows == 1) {
    text += " per row";
  } else if (palettized.group_rows >= palettized.num_rows()) {
    text += " per tensor";
  } else {
    text += " per " + std::to_string(palettized.group_rows) + " rows";
  }
  return text;
}

int64_t StoredBytes(const LayerParameters& layer) {
  if (const auto* dense = std::get_if<Tensor>(&layer.weight)) return dense->num_bytes();
  return std::get<PalettizedTensor>(layer.weight).num_bytes();
}

Json StorageJson(const LayerParameters& layer) {
  if (const auto* dense = std::get_if<Tensor>(&layer.weight)) {
    return Json{{"kind", "dense"}, {"dtype", TorchName(dense->dtype())}};
  }
  const auto& palettized = std::get<PalettizedTensor>(layer.weight);
  return Json{{"kind", "palettized"},
              {"centroids", palettized.num_centroids},
              {"bits_per_index", palettized.bits_per_index()},
              {"group_rows", palettized.group_rows},
              {"codebook_dtype", TorchName(palettized.codebook.dtype())}};
}

Result<Dataset> OpenDatasetFor(const Model& model, const std::string& folder) {
  return model.task == Task::kClassify ? OpenDataset(folder) : OpenPointDataset(folder);
}

void WarnOfSkipped(const Dataset& dataset, Console& console) {
  if (dataset.num_unmarked > 0) {
    console.Warn(dataset.folder + ": passed over " + Counted(dataset.num_unmarked, "picture") +
                 " that nobody has marked yet");
  }
  if (dataset.num_skipped == 0) return;
  console.Warn(dataset.folder + ": passed over " + Counted(dataset.num_skipped, "file") + " that " +
               (dataset.num_skipped == 1 ? "is" : "are") + " no picture");
}

void SetProvenance(const std::string& key, const std::string& value, Model& model) {
  for (auto& [name, old_value] : model.provenance) {
    if (name == key) {
      old_value = value;
      return;
    }
  }
  model.provenance.emplace_back(key, value);
}

Result<int64_t> FileBytes(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return NotFound(path + ": " + error.message());
  return static_cast<int64_t>(bytes);
}

Status CheckOutput(std::string_view flag, const std::string& output, const std::string& input,
                   bool overwrite) {
  const std::string written = std::string(flag) + " " + output;
  std::error_code error;
  if (fs::is_directory(output, error)) {
    return UsageError(written + " is a folder", "give the name of a file in it");
  }
  if (!fs::exists(output, error)) return Ok();
  if (fs::equivalent(output, input, error)) {
    return UsageError(written + " is the model that is read",
                      "give another name: the original is never overwritten");
  }
  if (!overwrite) {
    return UsageError(written + " exists already",
                      "give another name, or --overwrite to replace it");
  }
  return Ok();
}

}  // namespace deixis::cli
