#include "vision/store/adding.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/thread_pool.h"
#include "vision/store/picture_file.h"

namespace deixis::internal {
namespace {

namespace fs = std::filesystem;

// Pictures of a pointing dataset lie together; their marks are in points.csv.
constexpr const char* kPicturesFolder = "pictures";

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string FileName(int64_t id, const std::string& extension) {
  char number[32];
  std::snprintf(number, sizeof number, "%06lld", static_cast<long long>(id));
  return number + extension;
}

// A picture that has been looked at and lies staged, or why it does not.
struct Looked {
  PictureFile picture;
  uint64_t digest = 0;
  std::string staged;
  std::optional<Error> refused;  // of this picture
  std::optional<Error> failed;   // of the disk
};

Looked LookAt(const NewSample& sample, size_t number, Journal& journal) {
  Looked looked;
  std::vector<std::byte> loaded;
  std::span<const std::byte> bytes = sample.picture;
  if (bytes.empty() && sample.load) {
    Result<std::vector<std::byte>> result = sample.load();
    if (!result.ok()) {
      (result.error().code == ErrorCode::kResources ? looked.failed : looked.refused) =
          result.error();
      return looked;
    }
    loaded = *std::move(result);
    bytes = loaded;
  }
  const std::string name = sample.name.empty() ? "the picture" : sample.name;
  Result<PictureFile> picture = LookAtPicture(bytes, name);
  if (!picture.ok()) {
    looked.refused = picture.error();
    return looked;
  }
  looked.picture = *std::move(picture);
  for (const auto& [category, mark] : sample.marks) {
    const Status inside =
        CheckMark(category, mark, looked.picture.height_px, looked.picture.width_px);
    if (!inside.ok()) {
      looked.refused = inside.error().WithContext(name);
      return looked;
    }
  }
  if (!looked.picture.upright.empty()) bytes = looked.picture.upright;
  looked.digest = DigestOf(bytes);
  Result<std::string> path = journal.Stage(bytes, std::to_string(number));
  looked.picture.upright.clear();
  if (!path.ok()) {
    looked.failed = path.error();
  } else {
    looked.staged = *std::move(path);
  }
  return looked;
}

bool HaveSameBytes(const fs::path& a, const fs::path& b) {
  const auto first = MappedFile::Open(a.string());
  const auto second = MappedFile::Open(b.string());
  return first.ok() && second.ok() && std::ranges::equal((*first)->bytes(), (*second)->bytes());
}

// Pictures that are here, by digest.
class Duplicates {
 public:
  Duplicates(const std::string& folder, const Contents& contents) : folder_(folder) {
    for (const auto& [id, record] : contents.records) {
      if (record.place == Place::kHere && record.sample.digest != 0) {
        Remember(record.sample.digest, id, PhysicalPath(record));
      }
    }
  }
  void Remember(uint64_t digest, int64_t id, const std::string& path) {
    by_digest_.emplace(digest, std::pair(id, path));
  }
  std::optional<int64_t> Find(uint64_t digest, const std::string& path) const {
    const auto [begin, end] = by_digest_.equal_range(digest);
    for (auto it = begin; it != end; ++it) {
      const auto& [id, other] = it->second;
      if (HaveSameBytes(folder_ / other, folder_ / path)) return id;
    }
    return std::nullopt;
  }

 private:
  fs::path folder_;
  std::multimap<uint64_t, std::pair<int64_t, std::string>> by_digest_;
};

}  // namespace

Status CheckMark(const std::string& category, const Mark& mark, int64_t height_px,
                 int64_t width_px) {
  if (!mark || height_px == 0) return Ok();
  const auto is_within = [](double value, int64_t extent) {
    return value >= -0.5 && value <= static_cast<double>(extent) - 0.5;
  };
  if (is_within(mark->x, width_px) && is_within(mark->y, height_px)) return Ok();
  char text[160];
  std::snprintf(text, sizeof text, "mark at %g, %g: expected a place in the %lld x %lld pixels",
                mark->x, mark->y, static_cast<long long>(width_px),
                static_cast<long long>(height_px));
  return InvalidData(category + " " + text);
}

std::map<int64_t, bool> PlanSides(const Contents& contents, const SplitOptions& options,
                                  bool anew) {
  std::vector<SplitSample> samples;
  std::vector<int64_t> ids;
  for (const auto& [id, record] : contents.records) {
    if (record.place != Place::kHere) continue;
    const auto category = contents.categories.find(record.sample.category);
    const auto place = category == contents.categories.end()
                           ? 0
                           : std::distance(contents.categories.begin(), category);
    ids.push_back(id);
    samples.push_back({.category = static_cast<int>(place),
                       .session = record.sample.session,
                       .hash = record.sample.hash,
                       .held_out = anew ? std::nullopt : record.sample.held_out});
  }
  SplitOptions quick = options;
  quick.compare_written = false;
  const Split split = PlanSplit(samples, quick);
  std::map<int64_t, bool> sides;
  for (size_t i = 0; i < ids.size(); ++i) sides[ids[i]] = split.held_out[i];
  return sides;
}

void KeepTraining(Draft& draft) {
  std::map<std::string, bool> can_train;
  for (const auto& [id, record] : draft.contents().records) {
    if (record.place != Place::kHere) continue;
    can_train[record.sample.category] |= !record.sample.held_out.value_or(false);
  }
  Contents rest{.kind = draft.contents().kind,
                .records = {},
                .categories = draft.contents().categories,
                .history = {},
                .history_position = 0,
                .next_id = 0,
                .facts = {}};
  for (const auto& [id, record] : draft.contents().records) {
    if (record.place == Place::kHere && !can_train[record.sample.category]) {
      rest.records.emplace(id, record);
    }
  }
  for (const auto& [id, held_out] : PlanSides(rest, SplitOptions{}, /*anew=*/true)) {
    if (held_out) continue;
    Record record = rest.records.at(id);
    record.sample.held_out = false;
    draft.Change(std::move(record));
  }
}

Status AddPictures(const AddTo& to, std::span<const NewSample> samples, Contents& contents,
                   Journal& journal, StoreState::StagedFiles& staged, std::vector<Added>& added) {
  std::vector<Looked> looked(samples.size());
  ThreadPool pool(samples.size() > 1 ? to.num_threads : 1);
  const auto total = static_cast<int64_t>(samples.size());
  const int64_t batch = 16 * pool.num_threads();
  for (int64_t begin = 0; begin < total; begin += batch) {
    pool.ParallelFor(std::min(batch, total - begin), [&](int64_t chunk, int /*thread*/) {
      const auto i = static_cast<size_t>(begin + chunk);
      looked[i] = LookAt(samples[i], i, journal);
    });
    const int64_t done = std::min(begin + batch, total);
    for (int64_t i = begin; i < done; ++i) {
      if (looked[i].failed) return *looked[i].failed;
    }
    if (to.options.progress && !to.options.progress(done, total)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
  }

  std::set<std::string> named;
  for (const NewSample& sample : samples) named.insert(sample.category);
  Draft draft(contents, "add", named.size() == 1 ? *named.begin() : "");
  Duplicates duplicates(to.folder, contents);
  FreeNames names(to.folder, contents);
  const std::string now = Now();
  std::vector<Record> records;
  added.assign(samples.size(), {});
  for (size_t i = 0; i < samples.size(); ++i) {
    const NewSample& sample = samples[i];
    if (looked[i].refused) {
      added[i].refused = std::move(looked[i].refused);
      continue;
    }
    if (const auto known = duplicates.Find(looked[i].digest, looked[i].staged)) {
      added[i].duplicate_of = known;
      continue;
    }
    const int64_t id = contents.next_id++;
    added[i].id = id;
    staged[id] = looked[i].staged;
    duplicates.Remember(looked[i].digest, id, looked[i].staged);
    const bool is_object = contents.kind == DatasetKind::kObjects;
    contents.facts[id] = {.file_bytes = 0,
                          .modified_ns = 0,
                          .height_px = looked[i].picture.height_px,
                          .width_px = looked[i].picture.width_px,
                          .hash = looked[i].picture.hash,
                          .digest = looked[i].digest};
    Record record;
    record.sample = {.id = id,
                     .file = names.Take(is_object ? sample.category : kPicturesFolder,
                                        FileName(id, looked[i].picture.extension)),
                     .category = sample.category,
                     .marks = sample.marks,
                     .session = sample.session,
                     .held_out = sample.held_out,
                     .created = now,
                     .burst = to.options.burst,
                     .height_px = 0,
                     .width_px = 0,
                     .hash = {},
                     .digest = 0,
                     .other = sample.other};
    FillIn(contents, record.sample);
    if (is_object) draft.AddCategory(sample.category);
    for (const auto& [category, mark] : sample.marks) draft.AddCategory(category);
    records.push_back(std::move(record));
  }
  // Sides are decided among all of them; what was there before keeps its own, or gets one now.
  Contents with_new{.kind = contents.kind,
                    .records = contents.records,
                    .categories = contents.categories,
                    .history = {},
                    .history_position = 0,
                    .next_id = 0,
                    .facts = {}};
  for (const Record& record : records) with_new.records[record.sample.id] = record;
  const auto sides = PlanSides(with_new, SplitOptions{}, /*anew=*/false);
  for (auto& [id, record] : contents.records) {
    if (record.place == Place::kHere) record.sample.held_out = sides.at(id);
  }
  for (Record& record : records) {
    record.sample.held_out = sides.at(record.sample.id);
    draft.Change(std::move(record));
  }
  draft.Finish(to.options.burst);
  return Ok();
}

}  // namespace deixis::internal
