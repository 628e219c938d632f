// The actions of `deixis data` that look at a dataset: ls, stats, verify, split.
#include <string>
#include <vector>

#include "cli/data_actions.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "vision/dataset_report.h"

namespace deixis::cli {
namespace {

const std::string& Folder(const Arguments& arguments) { return arguments.words()[1]; }

std::string SideName(const std::optional<bool>& held_out) {
  return !held_out ? "" : *held_out ? "held out" : "train";
}

Json SideJson(const std::optional<bool>& held_out) {
  return !held_out ? Json(nullptr) : Json(*held_out ? "held_out" : "train");
}

// "tip 103.5,88  knuckle absent".
std::string MarksText(const Marks& marks) {
  std::string text;
  for (const auto& [category, mark] : marks) {
    if (!text.empty()) text += "  ";
    text += Printable(category) + " " +
            (mark ? FormatFixed(mark->x, 1) + "," + FormatFixed(mark->y, 1) : "absent");
  }
  return text.empty() ? "not marked" : text;
}

Json SampleJson(const StoredSample& sample, DatasetKind kind) {
  Json entry{{"id", sample.id}, {"file", Printable(sample.file)}};
  if (kind == DatasetKind::kObjects) {
    entry["category"] = Printable(sample.category);
  } else {
    entry["marks"] = Json::array();
    for (const auto& [category, mark] : sample.marks) {
      Json place{{"category", Printable(category)}, {"present", mark.has_value()}};
      if (mark) {
        place["x_px"] = mark->x;
        place["y_px"] = mark->y;
      }
      entry["marks"].push_back(std::move(place));
    }
  }
  entry["session"] = Printable(sample.session);
  entry["split"] = SideJson(sample.held_out);
  entry["created"] = sample.created;
  entry["burst"] = Printable(sample.burst);
  if (sample.height_px > 0) {
    entry["width_px"] = sample.width_px;
    entry["height_px"] = sample.height_px;
  }
  return entry;
}

Json CategoryJson(const CategoryCount& count, DatasetKind kind) {
  Json entry{
      {"name", Printable(count.name)}, {"pictures", count.pictures}, {"held_out", count.held_out}};
  if (kind == DatasetKind::kPointing) entry["absent"] = count.absent;
  return entry;
}

Result<DatasetStore> OpenAndLook(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(DatasetStore store, DatasetStore::OpenToRead(Folder(arguments)));
  DEIXIS_RETURN_IF_ERROR(store.LookAtPictures(ProgressOf(console, "looking at the pictures")));
  console.EndProgress();
  return store;
}

void ShowCategories(const std::vector<CategoryCount>& categories, DatasetKind kind,
                    Console& console) {
  const bool is_pointing = kind == DatasetKind::kPointing;
  std::vector<Table::Column> columns = {{"category", Align::kLeft}, {"pictures"}, {"held out"}};
  if (is_pointing) columns.push_back({"absent"});
  Table table(columns);
  for (const CategoryCount& count : categories) {
    std::vector<std::string> row = {Printable(count.name), FormatInteger(count.pictures),
                                    FormatInteger(count.held_out)};
    if (is_pointing) row.push_back(FormatInteger(count.absent));
    table.AddRow(std::move(row));
  }
  console.Print(table.Render(console.style()));
}

}  // namespace

Status ListPictures(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const DatasetStore store, DatasetStore::OpenToRead(Folder(arguments)));
  const bool is_object = store.kind() == DatasetKind::kObjects;
  const std::string wanted = arguments.Has("category") ? arguments.Text("category") : "";
  Table table({{"number"},
               {is_object ? "category" : "marks", Align::kLeft},
               {"side", Align::kLeft},
               {"session", Align::kLeft},
               {"file", Align::kLeft}});
  Json list = Json::array();
  for (const StoredSample& sample : arguments.Switch("bin") ? store.bin() : store.samples()) {
    if (!wanted.empty() && sample.category != wanted && !sample.marks.contains(wanted)) continue;
    table.AddRow({std::to_string(sample.id),
                  is_object ? Printable(sample.category) : MarksText(sample.marks),
                  SideName(sample.held_out), Printable(sample.session), Printable(sample.file)});
    list.push_back(SampleJson(sample, store.kind()));
  }
  console.Print(table.empty() ? "No pictures.\n" : table.Render(console.style()));
  Json categories = Json::array();
  for (const CategoryCount& count : store.CountByCategory()) {
    categories.push_back(CategoryJson(count, store.kind()));
  }
  console.SetResult("data", Json{{"action", "ls"},
                                 {"folder", store.folder()},
                                 {"kind", KindName(store.kind())},
                                 {"categories", std::move(categories)},
                                 {"samples", std::move(list)}});
  return Ok();
}

Status ShowStats(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const DatasetStore store, OpenAndLook(arguments, console));
  const DatasetStats stats = StatsOf(store);
  const bool is_pointing = store.kind() == DatasetKind::kPointing;
  Facts facts;
  facts.Add("dataset", Printable(store.folder()) + "  " + std::string(KindName(store.kind())));
  facts.Add("pictures", FormatInteger(stats.samples) + "  " + FormatBytes(stats.bytes));
  facts.Add("held out", FormatInteger(stats.held_out) +
                            (stats.without_side > 0
                                 ? "  (" + FormatInteger(stats.without_side) + " on no side yet)"
                                 : ""));
  const auto num_sessions =
      static_cast<int64_t>(stats.sessions.size()) - (stats.sessions.contains("") ? 1 : 0);
  facts.Add("sessions", FormatInteger(num_sessions));
  facts.Add("near duplicates", FormatInteger(stats.near_duplicates));
  if (!is_pointing) facts.Add("balance", FormatFixed(stats.balance, 2) + " (1: all alike)");
  std::string sizes;
  for (const auto& [size, count] : stats.sizes) {
    if (!sizes.empty()) sizes += ", ";
    if (sizes.size() > 80) {
      sizes += "...";
      break;
    }
    sizes += std::to_string(size.first) + "x" + std::to_string(size.second) + " (" +
             FormatInteger(count) + ")";
  }
  facts.Add("sizes", sizes);
  if (is_pointing) {
    facts.Add("unmarked", FormatInteger(stats.unmarked));
    facts.Add("coverage", FormatPercent(stats.coverage, 0) + " of a 4 x 4 grid over the frame");
  }
  if (stats.in_bin > 0) facts.Add("in the bin", FormatInteger(stats.in_bin));
  console.Print(facts.Render(console.style()) + "\n");
  ShowCategories(stats.categories, store.kind(), console);

  Json categories = Json::array();
  for (const CategoryCount& count : stats.categories) {
    categories.push_back(CategoryJson(count, store.kind()));
  }
  Json sessions = Json::array();
  for (const auto& [name, pictures] : stats.sessions) {
    sessions.push_back(Json{{"name", Printable(name)}, {"pictures", pictures}});
  }
  Json size_list = Json::array();
  for (const auto& [size, pictures] : stats.sizes) {
    size_list.push_back(
        Json{{"width_px", size.first}, {"height_px", size.second}, {"pictures", pictures}});
  }
  Json result{{"action", "stats"},
              {"folder", store.folder()},
              {"kind", KindName(store.kind())},
              {"samples", stats.samples},
              {"bytes", stats.bytes},
              {"held_out", stats.held_out},
              {"without_side", stats.without_side},
              {"near_duplicates", stats.near_duplicates},
              {"bin", stats.in_bin},
              {"categories", std::move(categories)},
              {"sessions", std::move(sessions)},
              {"sizes", std::move(size_list)}};
  if (is_pointing) {
    result["unmarked"] = stats.unmarked;
    result["coverage"] = stats.coverage;
    result["marks_by_cell"] = stats.marks_by_cell;
  } else {
    result["balance"] = stats.balance;
  }
  console.SetResult("data", std::move(result));
  return Ok();
}

Status VerifyPictures(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const DatasetStore store, OpenAndLook(arguments, console));
  DEIXIS_ASSIGN(const std::vector<Finding> findings,
                VerifyDataset(store, ThreadsOf(arguments), ProgressOf(console, "verifying")));
  console.EndProgress();
  Table table({{"finding", Align::kLeft}, {"number"}, {"file", Align::kLeft}, {"", Align::kLeft}});
  Json list = Json::array();
  int64_t num_errors = 0;
  for (const Finding& finding : findings) {
    num_errors += IsError(finding.kind) ? 1 : 0;
    table.AddRow({std::string(FindingName(finding.kind)),
                  finding.id == 0 ? "" : std::to_string(finding.id), Printable(finding.file),
                  Printable(finding.message)});
    Json entry{{"kind", FindingName(finding.kind)},
               {"is_error", IsError(finding.kind)},
               {"id", finding.id == 0 ? Json(nullptr) : Json(finding.id)},
               {"file", Printable(finding.file)},
               {"message", Printable(finding.message)}};
    if (finding.other_id != 0) entry["other_id"] = finding.other_id;
    list.push_back(std::move(entry));
  }
  const auto num_samples = static_cast<int64_t>(store.samples().size());
  console.Print(Counted(num_samples, "picture") + " looked at, " + Counted(num_errors, "error") +
                ", " + FormatInteger(static_cast<int64_t>(findings.size()) - num_errors) +
                " worth a look\n");
  if (!table.empty()) console.Print("\n" + table.Render(console.style()));
  console.SetResult("data", Json{{"action", "verify"},
                                 {"folder", store.folder()},
                                 {"samples", num_samples},
                                 {"errors", num_errors},
                                 {"findings", std::move(list)}});
  if (num_errors == 0) return Ok();
  return InvalidData(Folder(arguments) + ": found " + Counted(num_errors, "error"),
                     "put the files back, or remove the pictures: deixis data rm");
}

Status SplitPictures(const Arguments& arguments, Console& console) {
  DeclareOutput(Folder(arguments));
  SplitOptions options;
  options.share = arguments.Real("share") / 100;
  DEIXIS_ASSIGN(DatasetStore store,
                DatasetStore::Open(Folder(arguments), ThreadsOf(arguments),
                                   ProgressOf(console, "looking at the pictures")));
  console.EndProgress();
  DEIXIS_RETURN_IF_ERROR(store.Resplit(options));
  int64_t held_out = 0;
  for (const StoredSample& sample : store.samples()) {
    held_out += sample.held_out.value_or(false) ? 1 : 0;
  }
  const auto samples = static_cast<int64_t>(store.samples().size());
  console.Print(FormatInteger(held_out) + " of " + Counted(samples, "picture") + " held out\n\n");
  ShowCategories(store.CountByCategory(), store.kind(), console);
  Json categories = Json::array();
  for (const CategoryCount& count : store.CountByCategory()) {
    categories.push_back(CategoryJson(count, store.kind()));
  }
  console.SetResult("data", Json{{"action", "split"},
                                 {"folder", store.folder()},
                                 {"share", options.share},
                                 {"samples", samples},
                                 {"held_out", held_out},
                                 {"categories", std::move(categories)}});
  return Ok();
}

}  // namespace deixis::cli
