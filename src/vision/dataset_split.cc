#include "vision/dataset_split.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "base/rng.h"
#include "base/thread_pool.h"

namespace deixis {
namespace {

constexpr size_t kMinSessions = 3;   // of a category, for whole sessions to be its units
constexpr int64_t kMinPictures = 5;  // of a category, for one unit to be held out at any rate

// Union of sets, by halving paths; the least member stands for its set.
class Sets {
 public:
  explicit Sets(size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0); }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Unite(size_t a, size_t b) {
    a = Find(a);
    b = Find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

Sets NearDuplicates(std::span<const SplitSample> samples, int max_bits, bool compare_written) {
  Sets sets(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!compare_written && samples[i].held_out && samples[j].held_out) continue;
      if (Distance(samples[i].hash, samples[j].hash) <= max_bits) sets.Unite(i, j);
    }
  }
  return sets;
}

// Uniform in [0, 1), of the key alone.
double Draw(const SplitSample& first, bool is_session) {
  uint64_t key = 0xCBF29CE484222325u;  // FNV-1a
  const auto mix = [&key](uint64_t value) { key = (key ^ value) * 0x100000001B3u; };
  if (is_session) {
    for (const char c : first.session) mix(static_cast<unsigned char>(c));
  } else {
    for (const uint64_t word : first.hash.bits) {
      for (int shift = 0; shift < 64; shift += 8) mix((word >> shift) & 0xFF);
    }
  }
  return Rng(key).Unit();
}

struct Unit {
  double draw = 0;
  std::vector<size_t> members;
  std::map<int, int64_t> pictures;  // by category
};

// Holds out units one by one, and never so many that a category keeps less than half.
class Planner {
 public:
  Planner(std::span<const SplitSample> samples, Split& split) : samples_(samples), split_(split) {
    for (const SplitSample& sample : samples) ++total_[sample.category];
  }

  void Hold(size_t i) {
    split_.held_out[i] = true;
    ++split_.num_held_out;
    ++held_[samples_[i].category];
  }

  bool HasRoom(int category, int64_t pictures) {
    return 2 * (held_[category] + pictures) <= total_[category];
  }

  bool TryHold(const Unit& unit) {
    for (const auto& [category, pictures] : unit.pictures) {
      if (!HasRoom(category, pictures)) return false;
    }
    for (const size_t i : unit.members) Hold(i);
    return true;
  }

  // What a unit has of one category, without the others that hang together with it.
  bool TryHoldOnly(const Unit& unit, int category) {
    const auto found = unit.pictures.find(category);
    if (found == unit.pictures.end() || !HasRoom(category, found->second)) return false;
    for (const size_t i : unit.members) {
      if (samples_[i].category == category) Hold(i);
    }
    return true;
  }

  bool LacksHeldOut(int category) { return held_[category] == 0; }
  const std::map<int, int64_t>& totals() const { return total_; }

 private:
  std::span<const SplitSample> samples_;
  Split& split_;
  std::map<int, int64_t> total_;  // by category
  std::map<int, int64_t> held_;
};

std::vector<bool> CategoriesBySession(std::span<const SplitSample> samples) {
  int num_categories = 0;
  std::map<int, std::set<std::string_view>> sessions;
  for (const SplitSample& sample : samples) {
    num_categories = std::max(num_categories, sample.category + 1);
    if (!sample.session.empty()) sessions[sample.category].insert(sample.session);
  }
  std::vector<bool> by_session(static_cast<size_t>(num_categories));
  for (const auto& [category, names] : sessions) {
    by_session[static_cast<size_t>(category)] = names.size() >= kMinSessions;
  }
  return by_session;
}

// Sides that were written down, and the units of pictures that have none yet. A unit with a side
// passes it on to its new members, but no category loses more than half its pictures that way: what
// is beyond goes to training. A unit that lies on both sides already is broken up into near
// duplicates, of which those that touch the training side join it.
std::vector<Unit> FreeUnits(std::span<const SplitSample> samples, Sets& units, Sets& duplicates,
                            const std::vector<bool>& by_session, Planner& planner) {
  struct Sides {
    bool training = false;
    bool held_out = false;
  };
  std::map<size_t, Sides> of_unit;
  std::map<size_t, Sides> of_duplicates;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!samples[i].held_out) continue;
    const bool is_held_out = *samples[i].held_out;
    for (Sides* sides : {&of_unit[units.Find(i)], &of_duplicates[duplicates.Find(i)]}) {
      (is_held_out ? sides->held_out : sides->training) = true;
    }
    if (is_held_out) planner.Hold(i);
  }
  std::map<std::pair<bool, size_t>, Unit> free;  // broken up or not, and its first picture
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].held_out) continue;
    size_t first = units.Find(i);
    Sides sides = of_unit[first];
    const bool is_broken_up = sides.training && sides.held_out;
    if (is_broken_up) {
      first = duplicates.Find(i);
      sides = of_duplicates[first];
    }
    if (sides.training) continue;
    if (sides.held_out) {
      if (planner.HasRoom(samples[i].category, 1)) planner.Hold(i);
      continue;
    }
    Unit& unit = free[{is_broken_up, first}];
    if (unit.members.empty()) {
      const SplitSample& sample = samples[first];
      unit.draw = Draw(sample, !is_broken_up && !sample.session.empty() &&
                                   by_session[static_cast<size_t>(sample.category)]);
    }
    unit.members.push_back(i);
    ++unit.pictures[samples[i].category];
  }
  std::vector<Unit> ordered;
  for (auto& [place, unit] : free) ordered.push_back(std::move(unit));
  std::ranges::stable_sort(ordered, {}, &Unit::draw);
  return ordered;
}

}  // namespace

Status SplitOptions::Validate() const {
  if (!(share >= 0.01 && share <= 0.5)) {
    return UsageError("held-out share: expected 0.01 to 0.5, got " + std::to_string(share));
  }
  if (near_duplicate_bits < 0 || near_duplicate_bits > 128) {
    return UsageError("bits of near duplicates: expected 0 to 128, got " +
                      std::to_string(near_duplicate_bits));
  }
  return Ok();
}

Split PlanSplit(std::span<const SplitSample> samples, const SplitOptions& options) {
  Split split;
  split.held_out.resize(samples.size());
  split.by_session = CategoriesBySession(samples);
  Sets duplicates = NearDuplicates(samples, options.near_duplicate_bits, options.compare_written);
  Sets units = duplicates;
  std::map<std::string_view, size_t> first_of_session;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].session.empty() || !split.by_session[samples[i].category]) continue;
    units.Unite(i, first_of_session.try_emplace(samples[i].session, i).first->second);
  }
  std::map<size_t, int> numbers;
  for (size_t i = 0; i < samples.size(); ++i) {
    split.unit.push_back(
        numbers.try_emplace(units.Find(i), static_cast<int>(numbers.size())).first->second);
  }
  split.num_units = static_cast<int>(numbers.size());

  Planner planner(samples, split);
  std::vector<Unit> free = FreeUnits(samples, units, duplicates, split.by_session, planner);
  std::erase_if(
      free, [&](const Unit& unit) { return unit.draw < options.share && planner.TryHold(unit); });
  for (const auto& [category, total] : planner.totals()) {
    if (!planner.LacksHeldOut(category)) continue;
    if (total >= kMinPictures) {
      const int wanted = category;
      const auto nearest = std::ranges::find_if(free, [&](const Unit& unit) {
        return unit.pictures.contains(wanted) && planner.TryHold(unit);
      });
      if (nearest != free.end()) {
        free.erase(nearest);
        continue;
      }
      // Near duplicates of another category flatter nobody; a session stays whole.
      if (!split.by_session[wanted] && std::ranges::any_of(free, [&](const Unit& unit) {
            return planner.TryHoldOnly(unit, wanted);
          })) {
        continue;
      }
    }
    split.not_held_out.push_back(category);
  }
  return split;
}

Result<Split> SplitDataset(const Dataset& dataset, const SplitOptions& options, int num_threads,
                           const SplitProgress& progress) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  // A picture with several marks has several samples, and is read once.
  std::map<std::string_view, size_t> places;
  std::vector<const Sample*> pictures;
  for (const Sample& sample : dataset.samples) {
    if (places.try_emplace(sample.path, pictures.size()).second) pictures.push_back(&sample);
  }
  std::vector<SplitSample> samples(pictures.size());
  std::vector<std::optional<Error>> errors(pictures.size());
  ThreadPool pool(num_threads);
  const auto total = static_cast<int64_t>(pictures.size());
  const int64_t batch = 16 * num_threads;
  for (int64_t begin = 0; begin < total; begin += batch) {
    pool.ParallelFor(std::min(batch, total - begin), [&](int64_t chunk, int /*thread*/) {
      const auto i = static_cast<size_t>(begin + chunk);
      const Sample& picture = *pictures[i];
      const Result<Image> image = ReadImage(picture.path);
      if (!image.ok()) {
        errors[i] = image.error();
        return;
      }
      samples[i] = {.category = picture.label,
                    .session = picture.session,
                    .hash = HashPicture(*image),
                    .held_out = picture.held_out};
    });
    for (auto& error : errors) {
      if (error) return *std::move(error);
    }
    if (progress && !progress(std::min(begin + batch, total), total)) {
      return Error{ErrorCode::kInterrupted, "interrupted", ""};
    }
  }
  const Split of_pictures = PlanSplit(samples, options);
  Split split = of_pictures;
  split.held_out.clear();
  split.unit.clear();
  split.num_held_out = 0;
  for (const Sample& sample : dataset.samples) {
    const size_t place = places.at(sample.path);
    split.held_out.push_back(of_pictures.held_out[place]);
    split.unit.push_back(of_pictures.unit[place]);
    split.num_held_out += of_pictures.held_out[place] ? 1 : 0;
  }
  return split;
}

DatasetSides TakeApart(const Dataset& dataset, const Split& split) {
  DatasetSides sides;
  for (Dataset* side : {&sides.training, &sides.held_out}) {
    side->folder = dataset.folder;
    side->class_names = dataset.class_names;
    side->num_classes = dataset.num_classes;
  }
  for (size_t i = 0; i < dataset.samples.size(); ++i) {
    (split.held_out[i] ? sides.held_out : sides.training).samples.push_back(dataset.samples[i]);
  }
  return sides;
}

}  // namespace deixis
