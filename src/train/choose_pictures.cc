#include "train/choose_pictures.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/rng.h"
#include "vision/csv.h"
#include "vision/dataset_split.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDrawSalt = 0xD2A3C0DE5EEDull;

Result<Dataset> Open(const FineTuneJob& job, const std::string& folder) {
  return job.locates() ? OpenPointDataset(folder) : OpenDataset(folder);
}

std::string Key(const fs::path& path) { return path.lexically_normal().string(); }

Dataset Without(const Dataset& whole) {
  Dataset empty = whole;
  empty.samples.clear();
  return empty;
}

// The samples for which `goes` is `which`.
Dataset Where(const Dataset& dataset, const std::vector<bool>& goes, bool which) {
  Dataset chosen = Without(dataset);
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    if (goes[i] == which) chosen.samples.push_back(dataset.samples[i]);
  }
  return chosen;
}

// The dataset's labels as those of `names`.
Status Relabel(const std::vector<std::string>& names, Dataset& dataset) {
  if (names.empty() && dataset.class_names.empty()) return Ok();
  std::vector<int> labels;
  for (const std::string& name : dataset.class_names) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      return InvalidData(
          dataset.folder + ": expected the categories that are trained, found \"" + name + "\"",
          "name a folder with the same categories");
    }
    labels.push_back(static_cast<int>(found - names.begin()));
  }
  for (Sample& sample : dataset.samples) {
    if (static_cast<size_t>(sample.label) < labels.size()) {
      sample.label = labels[static_cast<size_t>(sample.label)];
    }
  }
  dataset.class_names = names;
  dataset.num_classes = static_cast<int>(names.size());
  return Ok();
}

// `count` of each category, drawn by the seed; in the dataset's order.
void DrawPerCategory(int64_t count, uint64_t seed, Dataset& dataset) {
  std::map<int, std::vector<size_t>> by_label;
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    by_label[dataset.samples[i].label].push_back(i);
  }
  Rng rng(seed ^ kDrawSalt);
  std::vector<bool> goes(dataset.samples.size(), true);
  for (auto& [label, places] : by_label) {
    rng.Shuffle(places);
    for (size_t i = 0; i < std::min(places.size(), static_cast<size_t>(count)); ++i) {
      goes[places[i]] = false;
    }
  }
  dataset = Where(dataset, goes, false);
}

Status CheckSides(const FineTuneJob& job, const ChosenPictures& chosen) {
  const auto empty = [&](const char* what, const char* remedy) {
    return InvalidData(job.data + ": expected pictures to " + what + ", found none", remedy);
  };
  if (chosen.training.samples.empty()) return empty("train on", "hold out fewer");
  if (chosen.held_out.samples.empty()) {
    return empty("judge epochs by", "add pictures, or name a folder with --held-out");
  }
  std::set<int> labels;
  for (const Sample& sample : chosen.training.samples) labels.insert(sample.label);
  for (int label = 0; label < chosen.training.num_classes; ++label) {
    if (labels.contains(label)) continue;
    const bool is_named = static_cast<size_t>(label) < chosen.class_names.size();
    return InvalidData(
        job.data + ": expected pictures of every category to train on, found none of " +
            (is_named ? "\"" + chosen.class_names[label] + "\"" : "label " + std::to_string(label)),
        "add some, remove the category, or hold out others");
  }
  return Ok();
}

std::string CsvOf(const Dataset& dataset) {
  for (const char* name : {"points.csv", "labels.csv"}) {
    const fs::path path = fs::path(dataset.folder) / name;
    std::error_code error;
    if (fs::exists(path, error)) return path.string();
  }
  return {};
}

}  // namespace

Result<std::vector<bool>> RowsWhere(const Dataset& dataset, const std::string& condition) {
  const size_t equals = condition.find('=');
  const std::string column_name = condition.substr(0, equals);
  std::set<std::string> values;
  std::istringstream list(equals == std::string::npos ? "" : condition.substr(equals + 1));
  for (std::string value; std::getline(list, value, ',');) values.insert(value);
  const std::string csv_path = CsvOf(dataset);
  if (csv_path.empty()) {
    return UsageError(dataset.folder + ": \"" + condition +
                      "\": expected a points.csv or labels.csv " + "with the column \"" +
                      column_name + "\", found neither file");
  }
  DEIXIS_ASSIGN(const std::string text, ReadTextFile(csv_path));
  const Result<CsvTable> table = ParseCsv(text);
  if (!table.ok()) return table.error().WithContext(csv_path);
  const int column = table->Column({column_name});
  const int file = table->Column({"file", "filename", "path"});
  if (column < 0 || file < 0) {
    std::string columns;
    for (const std::string& name : table->columns) columns += (columns.empty() ? "" : ", ") + name;
    return UsageError(csv_path + ": expected the columns \"file\" and \"" + column_name +
                      "\", found " + columns);
  }
  std::set<std::string> files;
  for (const CsvTable::Row& row : table->rows) {
    if (!values.contains(row.fields[static_cast<size_t>(column)])) continue;
    files.insert(Key(fs::path(dataset.folder) / row.fields[static_cast<size_t>(file)]));
  }
  std::vector<bool> chosen;
  for (const Sample& sample : dataset.samples) chosen.push_back(files.contains(Key(sample.path)));
  if (std::ranges::find(chosen, true) == chosen.end()) {
    return UsageError(csv_path + ": expected pictures with " + condition + ", found none");
  }
  return chosen;
}

Result<ChosenPictures> ChoosePictures(const FineTuneJob& job) {
  DEIXIS_ASSIGN(const Dataset whole, Open(job, job.data));
  ChosenPictures chosen;
  chosen.class_names = whole.class_names;
  chosen.training = whole;
  if (!job.test_where.empty()) {
    DEIXIS_ASSIGN(const std::vector<bool> is_test, RowsWhere(whole, job.test_where));
    chosen.test = Where(whole, is_test, true);
    chosen.training = Where(whole, is_test, false);
  } else if (!job.test.empty()) {
    DEIXIS_ASSIGN(chosen.test, Open(job, job.test));
    DEIXIS_RETURN_IF_ERROR(Relabel(chosen.class_names, *chosen.test));
  }
  if (!job.held_out.empty()) {
    DEIXIS_ASSIGN(chosen.held_out, Open(job, job.held_out));
    DEIXIS_RETURN_IF_ERROR(Relabel(chosen.class_names, chosen.held_out));
  } else {
    std::vector<bool> is_held_out;
    if (!job.held_out_where.empty()) {
      DEIXIS_ASSIGN(is_held_out, RowsWhere(chosen.training, job.held_out_where));
    } else {
      DEIXIS_ASSIGN(Split split,
                    SplitDataset(chosen.training, {.share = job.held_out_share}, job.threads));
      is_held_out = std::move(split.held_out);
    }
    chosen.held_out = Where(chosen.training, is_held_out, true);
    chosen.training = Where(chosen.training, is_held_out, false);
  }
  if (job.per_category > 0) DrawPerCategory(job.per_category, job.seed, chosen.training);
  DEIXIS_RETURN_IF_ERROR(CheckSides(job, chosen));
  return chosen;
}

}  // namespace deixis
