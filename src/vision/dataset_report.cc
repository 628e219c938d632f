#include "vision/dataset_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include "base/thread_pool.h"
#include "vision/dataset.h"
#include "vision/store/adding.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

bool IsKnown(const StoredSample& sample) { return sample.height_px > 0; }

Split UnitsOf(const std::vector<StoredSample>& samples) {
  std::vector<SplitSample> facts;
  for (const StoredSample& sample : samples) {
    facts.push_back({.category = 0, .session = {}, .hash = sample.hash, .held_out = std::nullopt});
  }
  return PlanSplit(facts, {});
}

void CountMarks(const StoredSample& sample, DatasetStats& stats) {
  if (sample.marks.empty()) ++stats.unmarked;
  for (const auto& [category, mark] : sample.marks) {
    if (!mark || !IsKnown(sample)) continue;
    const auto cell = [](double place, int64_t extent) {
      const double share = (place + 0.5) / static_cast<double>(extent);
      return std::clamp(static_cast<int>(share * DatasetStats::kGrid), 0, DatasetStats::kGrid - 1);
    };
    const int row = cell(mark->y, sample.height_px);
    const int column = cell(mark->x, sample.width_px);
    ++stats.marks_by_cell[static_cast<size_t>(row * DatasetStats::kGrid + column)];
  }
}

// What is wrong with one picture alone.
std::optional<Finding> LookAt(const DatasetStore& store, const StoredSample& sample) {
  const std::string path = store.PathOf(sample);
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return Finding{FindingKind::kMissing, sample.id, sample.file, "no such file", 0};
  }
  const Result<Image> image = ReadImage(path);
  if (!image.ok()) {
    return Finding{FindingKind::kBroken, sample.id, sample.file, image.error().message, 0};
  }
  for (const auto& [category, mark] : sample.marks) {
    const Status inside = internal::CheckMark(category, mark, image->height_px, image->width_px);
    if (!inside.ok()) {
      return Finding{FindingKind::kOutside, sample.id, sample.file, inside.error().message, 0};
    }
  }
  if (store.kind() == DatasetKind::kPointing && sample.marks.empty()) {
    return Finding{FindingKind::kUnmarked, sample.id, sample.file, "nobody has marked it yet", 0};
  }
  return std::nullopt;
}

// Pictures that are alike, and should not be, or not so.
void ComparePictures(const std::vector<StoredSample>& samples, std::vector<Finding>& findings) {
  for (size_t i = 0; i < samples.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const StoredSample& one = samples[j];
      const StoredSample& two = samples[i];
      if (!IsKnown(one) || !IsKnown(two)) continue;
      const auto find = [&](FindingKind kind, const std::string& message) {
        findings.push_back({kind, two.id, two.file,
                            message + " number " + std::to_string(one.id) + ", " + one.file,
                            one.id});
      };
      const int distance = Distance(one.hash, two.hash);
      if (one.digest == two.digest && distance == 0) {
        find(FindingKind::kDuplicate, "the same picture as");
      }
      if (distance > kNearDuplicateBits) continue;
      if (one.category != two.category) {
        find(FindingKind::kConflict,
             "in " + two.category + ", but much like one in " + one.category + ":");
      }
      if (one.held_out && two.held_out && *one.held_out != *two.held_out) {
        find(FindingKind::kLeak, "much like one of the other side:");
      }
    }
  }
}

void FindUnlisted(const DatasetStore& store, std::vector<Finding>& findings) {
  std::set<std::string> listed;
  for (const StoredSample& sample : store.samples()) listed.insert(sample.file);
  std::error_code error;
  fs::recursive_directory_iterator it(store.folder(), error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code kind_error;
    if (it->path().filename().string().starts_with('.')) {
      if (it->is_directory(kind_error)) it.disable_recursion_pending();
      continue;
    }
    const std::string file = it->path().lexically_relative(store.folder()).generic_string();
    if (!it->is_regular_file(kind_error) || listed.contains(file) || !HasPictureName(file)) {
      continue;
    }
    findings.push_back({FindingKind::kUnlisted, 0, file, "no row of the table names it", 0});
  }
}

}  // namespace

std::string_view FindingName(FindingKind kind) {
  static constexpr std::string_view kNames[] = {"missing", "broken",    "unlisted",
                                                "outside", "duplicate", "conflict",
                                                "leak",    "unmarked",  "no_pictures"};
  return kNames[static_cast<size_t>(kind)];
}

bool IsError(FindingKind kind) {
  return kind == FindingKind::kMissing || kind == FindingKind::kBroken ||
         kind == FindingKind::kOutside;
}

DatasetStats StatsOf(const DatasetStore& store) {
  DatasetStats stats;
  stats.categories = store.CountByCategory();
  stats.in_bin = static_cast<int64_t>(store.bin().size());
  for (const StoredSample& sample : store.samples()) {
    ++stats.samples;
    if (!sample.held_out) ++stats.without_side;
    if (sample.held_out.value_or(false)) ++stats.held_out;
    ++stats.sessions[sample.session];
    if (IsKnown(sample)) ++stats.sizes[{sample.width_px, sample.height_px}];
    std::error_code error;
    const auto bytes = fs::file_size(store.PathOf(sample), error);
    if (!error) stats.bytes += static_cast<int64_t>(bytes);
    if (store.kind() == DatasetKind::kPointing) CountMarks(sample, stats);
  }
  int64_t smallest = stats.samples;
  int64_t greatest = 0;
  for (const CategoryCount& category : stats.categories) {
    if (category.pictures == 0 || category.name == kNothingCategory) continue;
    smallest = std::min(smallest, category.pictures);
    greatest = std::max(greatest, category.pictures);
  }
  if (greatest > 0) stats.balance = static_cast<double>(smallest) / static_cast<double>(greatest);
  stats.coverage = static_cast<double>(std::ranges::count_if(
                       stats.marks_by_cell, [](int64_t marks) { return marks > 0; })) /
                   static_cast<double>(stats.marks_by_cell.size());
  std::vector<StoredSample> known = store.samples();
  std::erase_if(known, [](const StoredSample& sample) { return !IsKnown(sample); });
  stats.near_duplicates = static_cast<int64_t>(known.size()) - UnitsOf(known).num_units;
  return stats;
}

Result<std::vector<Finding>> VerifyDataset(const DatasetStore& store, int num_threads,
                                           const StoreProgress& progress) {
  const std::vector<StoredSample>& samples = store.samples();
  std::vector<std::optional<Finding>> found(samples.size());
  ThreadPool pool(num_threads);
  const auto total = static_cast<int64_t>(samples.size());
  const int64_t batch = 16 * num_threads;
  for (int64_t begin = 0; begin < total; begin += batch) {
    pool.ParallelFor(std::min(batch, total - begin), [&](int64_t chunk, int /*thread*/) {
      const auto i = static_cast<size_t>(begin + chunk);
      found[i] = LookAt(store, samples[i]);
    });
    if (progress && !progress(std::min(begin + batch, total), total)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
  }
  std::vector<Finding> findings;
  for (std::optional<Finding>& finding : found) {
    if (finding) findings.push_back(*std::move(finding));
  }
  ComparePictures(samples, findings);
  FindUnlisted(store, findings);
  for (const CategoryCount& category : store.CountByCategory()) {
    if (category.pictures > 0) continue;
    findings.push_back(
        {FindingKind::kNoCategory, 0, category.name, "a category without pictures", 0});
  }
  std::ranges::stable_sort(findings, {}, [](const Finding& finding) {
    return std::tuple(static_cast<int>(finding.kind), finding.id, finding.other_id);
  });
  return findings;
}

}  // namespace deixis
