// The actions of `deixis data` that change a dataset, or write one elsewhere.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/data_actions.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "pipeline/dataset_export.h"
#include "pipeline/dataset_import.h"

namespace deixis::cli {
namespace {

constexpr size_t kShownSkips = 20;

// The words after ACTION and DIR.
std::span<const std::string> Items(const Arguments& arguments) {
  return std::span(arguments.words()).subspan(2);
}

const std::string& Folder(const Arguments& arguments) { return arguments.words()[1]; }

std::string TextOr(const Arguments& arguments, std::string_view flag) {
  return arguments.Has(flag) ? arguments.Text(flag) : std::string();
}

Result<std::vector<int64_t>> Numbers(const Arguments& arguments) {
  std::vector<int64_t> numbers;
  for (const std::string& word : Items(arguments)) {
    int64_t first = 0;
    const char* const end = word.data() + word.size();
    auto [rest, error] = std::from_chars(word.data(), end, first);
    int64_t last = first;
    if (error == std::errc() && rest != end && *rest == '-') {
      std::tie(rest, error) = [&] {
        const auto parsed = std::from_chars(rest + 1, end, last);
        return std::pair(parsed.ptr, parsed.ec);
      }();
    }
    constexpr int64_t kMaxRange = 1'000'000;
    if (error != std::errc() || rest != end || first < 1 || last < first ||
        last - first > kMaxRange) {
      return UsageError("\"" + Printable(word) + "\": expected a picture's number, or 12-19",
                        "deixis data ls lists the numbers");
    }
    for (int64_t number = first; number <= last; ++number) numbers.push_back(number);
  }
  return numbers;
}

// "103.5,88" as a place in a picture.
Result<Point> PlaceOf(const std::string& text) {
  Point place;
  const char* const end = text.data() + text.size();
  const auto [comma, error] = std::from_chars(text.data(), end, place.x);
  if (error == std::errc() && comma != end && *comma == ',') {
    const auto [rest, second_error] = std::from_chars(comma + 1, end, place.y);
    if (second_error == std::errc() && rest == end && std::isfinite(place.x) &&
        std::isfinite(place.y)) {
      return place;
    }
  }
  return UsageError("--at " + Printable(text) + ": expected a place in pixels as X,Y",
                    "count from the centre of the top left pixel: --at 103.5,88");
}

// The mark that --category, --at and --absent ask for; nothing without --at and --absent.
Result<Marks> MarksOf(const Arguments& arguments) {
  Marks marks;
  std::string category = TextOr(arguments, "category");
  if (category.empty()) category = kTipCategory;
  if (arguments.Switch("absent") && arguments.Given("at")) {
    return UsageError("--absent and --at contradict each other");
  }
  if (arguments.Switch("absent")) marks[category] = std::nullopt;
  if (arguments.Given("at")) {
    DEIXIS_ASSIGN(marks[category], PlaceOf(arguments.Text("at")));
  }
  return marks;
}

Result<DatasetStore> OpenForEdit(const Arguments& arguments, Console& console) {
  DeclareOutput(Folder(arguments));
  auto store = DatasetStore::Open(Folder(arguments), ThreadsOf(arguments),
                                  ProgressOf(console, "looking at the pictures"));
  console.EndProgress();
  return store;
}

struct SkippedPicture {
  std::string file;
  std::string reason;
  std::optional<int64_t> duplicate_of;
};

// What was added and what was not, for people and programs.
void TellAdded(const std::string& action, const DatasetStore& store,
               const std::vector<int64_t>& ids, const std::vector<SkippedPicture>& skipped,
               Json extra, Console& console) {
  const auto added = static_cast<int64_t>(ids.size());
  console.Print(Counted(added, "picture") + " added to " + Printable(store.folder()) + ", " +
                FormatInteger(static_cast<int64_t>(store.samples().size())) + " now\n");
  Json list = Json::array();
  for (size_t i = 0; i < skipped.size(); ++i) {
    Json entry{{"file", Printable(skipped[i].file)}, {"reason", Printable(skipped[i].reason)}};
    entry["duplicate_of"] =
        skipped[i].duplicate_of ? Json(*skipped[i].duplicate_of) : Json(nullptr);
    list.push_back(std::move(entry));
    if (i < kShownSkips) {
      console.Print("passed over " + Printable(skipped[i].file) + ": " +
                    Printable(skipped[i].reason) + "\n");
    }
  }
  if (skipped.size() > kShownSkips) {
    console.Print("and " + FormatInteger(static_cast<int64_t>(skipped.size() - kShownSkips)) +
                  " more; --json lists them all\n");
  }
  Json categories = Json::array();
  for (const CategoryCount& count : store.CountByCategory()) {
    categories.push_back(
        Json{{"name", count.name}, {"pictures", count.pictures}, {"held_out", count.held_out}});
  }
  Json result{{"action", action},
              {"folder", store.folder()},
              {"kind", KindName(store.kind())},
              {"added", added},
              {"skipped", skipped.size()},
              {"samples", store.samples().size()},
              {"categories", std::move(categories)}};
  for (auto& [key, value] : extra.items()) result[key] = value;
  result["ids"] = ids;
  result["skipped_files"] = std::move(list);
  console.SetResult("data", std::move(result));
}

void TellEdit(const std::string& action, const DatasetStore& store, const std::string& text,
              const std::vector<int64_t>& ids, Console& console) {
  console.Print(text + "\n");
  console.SetResult("data", Json{{"action", action},
                                 {"folder", store.folder()},
                                 {"ids", ids},
                                 {"samples", store.samples().size()},
                                 {"bin", store.bin().size()}});
}

std::string PicturesText(const std::vector<int64_t>& ids) {
  return Counted(static_cast<int64_t>(ids.size()), "picture");
}

void TellUndone(const std::string& action, const DatasetStore& store,
                const std::optional<Undone>& undone, Console& console) {
  const std::string verb = action == "undo" ? "undone: " : "done again: ";
  std::string text = "there is nothing to " + action;
  if (undone) {
    text = verb + undone->what;
    if (!undone->category.empty()) text += " " + Printable(undone->category);
    if (!undone->ids.empty()) text += ", " + PicturesText(undone->ids);
  }
  console.Print(text + "\n");
  Json result{{"action", action},
              {"folder", store.folder()},
              {"what", undone ? Json(undone->what) : Json(nullptr)},
              {"category", undone ? Json(undone->category) : Json(nullptr)},
              {"ids", undone ? undone->ids : std::vector<int64_t>{}},
              {"samples", store.samples().size()},
              {"bin", store.bin().size()}};
  console.SetResult("data", std::move(result));
}

}  // namespace

std::string_view KindName(DatasetKind kind) {
  return kind == DatasetKind::kObjects ? "objects" : "pointing";
}

StoreProgress ProgressOf(Console& console, std::string_view task) {
  return [&console, task](int64_t done, int64_t total) {
    console.Progress(task, done, total);
    return true;
  };
}

Status NewDataset(const Arguments& arguments, Console& console) {
  const DatasetKind kind =
      arguments.Text("kind") == "objects" ? DatasetKind::kObjects : DatasetKind::kPointing;
  const auto items = Items(arguments);
  DEIXIS_ASSIGN(const DatasetStore store,
                DatasetStore::Create(Folder(arguments), kind,
                                     std::set<std::string>(items.begin(), items.end())));
  std::string names;
  for (const std::string& name : store.categories()) {
    names += (names.empty() ? "" : ", ") + Printable(name);
  }
  console.Print("an empty dataset of " + std::string(KindName(kind)) + " in " +
                Printable(store.folder()) + ": " + names + "\n");
  console.SetResult("data", Json{{"action", "new"},
                                 {"folder", store.folder()},
                                 {"kind", KindName(kind)},
                                 {"categories", store.categories()}});
  return Ok();
}

Status AddPictures(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  const bool is_object = store.kind() == DatasetKind::kObjects;
  if (is_object && !arguments.Given("category")) {
    return UsageError("data add: expected --category, found none", "--category mug");
  }
  if (is_object && (arguments.Given("at") || arguments.Switch("absent"))) {
    return UsageError("data add: these pictures have categories, not marks");
  }
  DEIXIS_ASSIGN(const Marks marks, MarksOf(arguments));
  std::vector<NewSample> samples;
  for (const std::string& file : Items(arguments)) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
      return NotFound(file + ": no such file", "check the path");
    }
    NewSample& sample = samples.emplace_back();
    sample.load = [file]() -> Result<std::vector<std::byte>> {
      DEIXIS_ASSIGN(const auto mapping, MappedFile::Open(file));
      return std::vector<std::byte>(mapping->bytes().begin(), mapping->bytes().end());
    };
    if (is_object) sample.category = arguments.Text("category");
    sample.marks = marks;
    sample.session = TextOr(arguments, "session");
    sample.name = file;
  }
  DEIXIS_ASSIGN(const std::vector<Added> added,
                store.Add(samples, {.burst = {}, .progress = ProgressOf(console, "adding")}));
  console.EndProgress();
  std::vector<int64_t> ids;
  std::vector<SkippedPicture> skipped;
  size_t num_refused = 0;
  for (size_t i = 0; i < added.size(); ++i) {
    if (added[i].id) {
      ids.push_back(*added[i].id);
    } else if (added[i].refused) {
      ++num_refused;
      skipped.push_back({samples[i].name, added[i].refused->message, std::nullopt});
    } else {
      const int64_t of = added[i].duplicate_of.value_or(0);
      skipped.push_back({samples[i].name, "the same picture as number " + std::to_string(of), of});
    }
  }
  if (num_refused == samples.size()) {
    return InvalidData(skipped.front().reason, "nothing was added");
  }
  TellAdded("add", store, ids, skipped, Json::object(), console);
  return Ok();
}

Status ImportPictures(const Arguments& arguments, Console& console) {
  const std::string& folder = Folder(arguments);
  DeclareOutput(folder);
  ImportOptions options;
  if (arguments.Given("kind")) {
    options.kind =
        arguments.Text("kind") == "objects" ? DatasetKind::kObjects : DatasetKind::kPointing;
  }
  options.category = TextOr(arguments, "category");
  options.session = TextOr(arguments, "session");
  options.num_threads = ThreadsOf(arguments);
  options.progress = ProgressOf(console, "importing");
  DEIXIS_ASSIGN(const ImportResult imported,
                ImportDataset(folder, Items(arguments).front(), options));
  console.EndProgress();
  DEIXIS_ASSIGN(const DatasetStore store, DatasetStore::OpenToRead(folder));
  std::vector<SkippedPicture> skipped;
  for (const ImportResult::Skipped& picture : imported.skipped) {
    skipped.push_back({picture.file, picture.reason, picture.duplicate_of});
  }
  // As many numbers as were added are the last that were given.
  std::vector<int64_t> ids;
  const auto& samples = store.samples();
  for (size_t i = samples.size() - static_cast<size_t>(imported.added); i < samples.size(); ++i) {
    ids.push_back(samples[i].id);
  }
  TellAdded("import", store, ids, skipped,
            Json{{"layout", imported.layout},
                 {"other_files", imported.num_other_files},
                 {"links", imported.num_links}},
            console);
  if (imported.num_links > 0) {
    console.Print(Counted(imported.num_links, "link") + " passed over\n");
  }
  return Ok();
}

Status ExportPictures(const Arguments& arguments, Console& console) {
  const std::string& out = Items(arguments).front();
  const std::string& name = arguments.Text("layout");
  const ExportLayout layout = name == "imagefolder" ? ExportLayout::kImageFolder
                              : name == "names"     ? ExportLayout::kMarkNames
                                                    : ExportLayout::kTables;
  DEIXIS_ASSIGN(const DatasetStore store, DatasetStore::OpenToRead(Folder(arguments)));
  DeclareOutput(out);
  DEIXIS_ASSIGN(const ExportResult written,
                ExportDataset(store, out, layout, ProgressOf(console, "exporting")));
  console.EndProgress();
  console.Print(Counted(written.pictures, "picture") + " in " + Printable(out) + ", " +
                FormatBytes(written.bytes) + "\n");
  if (written.left_out > 0) {
    console.Print(Counted(written.left_out, "picture") + " without a mark left out\n");
  }
  console.SetResult("data", Json{{"action", "export"},
                                 {"folder", store.folder()},
                                 {"out", out},
                                 {"layout", name},
                                 {"samples", written.pictures},
                                 {"files", written.files},
                                 {"file_bytes", written.bytes},
                                 {"left_out", written.left_out}});
  return Ok();
}

Status RemovePictures(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const std::vector<int64_t> ids, Numbers(arguments));
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_RETURN_IF_ERROR(store.Delete(ids));
  TellEdit("rm", store, PicturesText(ids) + " in the bin", ids, console);
  return Ok();
}

Status RestorePictures(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const std::vector<int64_t> ids, Numbers(arguments));
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_RETURN_IF_ERROR(store.Restore(ids));
  TellEdit("restore", store, PicturesText(ids) + " out of the bin", ids, console);
  return Ok();
}

Status RelabelPictures(const Arguments& arguments, Console& console) {
  if (!arguments.Given("category")) {
    return UsageError("data relabel: expected --category, found none", "--category mug");
  }
  DEIXIS_ASSIGN(const std::vector<int64_t> ids, Numbers(arguments));
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_RETURN_IF_ERROR(store.Relabel(ids, arguments.Text("category")));
  TellEdit("relabel", store, PicturesText(ids) + " in " + Printable(arguments.Text("category")),
           ids, console);
  return Ok();
}

Status MarkPicture(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const std::vector<int64_t> ids, Numbers(arguments));
  DEIXIS_ASSIGN(const Marks wanted, MarksOf(arguments));
  if (wanted.empty()) {
    return UsageError("data mark: expected --at X,Y or --absent, found neither");
  }
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  for (const int64_t id : ids) {
    const StoredSample* sample = store.Find(id);
    Marks marks = sample == nullptr ? Marks{} : sample->marks;
    for (const auto& [category, mark] : wanted) marks[category] = mark;
    DEIXIS_RETURN_IF_ERROR(store.SetMarks(id, marks));
  }
  TellEdit("mark", store, PicturesText(ids) + " marked", ids, console);
  return Ok();
}

Status UndoEdit(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_ASSIGN(const std::optional<Undone> undone, store.Undo());
  TellUndone("undo", store, undone, console);
  return Ok();
}

Status RedoEdit(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_ASSIGN(const std::optional<Undone> redone, store.Redo());
  TellUndone("redo", store, redone, console);
  return Ok();
}

Status EmptyBin(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(DatasetStore store, OpenForEdit(arguments, console));
  DEIXIS_ASSIGN(const int64_t removed, store.EmptyBin());
  console.Print(Counted(removed, "picture") + " gone for good\n");
  console.SetResult("data", Json{{"action", "empty-bin"},
                                 {"folder", store.folder()},
                                 {"removed", removed},
                                 {"samples", store.samples().size()}});
  return Ok();
}

}  // namespace deixis::cli
