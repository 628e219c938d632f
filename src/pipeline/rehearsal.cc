#include "pipeline/rehearsal.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "pipeline/phrases.h"
#include "vision/camera/scene_session.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

using camera::SceneSession;
using camera::SceneSessionOptions;

constexpr int64_t kTruthStepMs = 10;
// Between two parts of a rehearsal nobody is there for a while.
constexpr int64_t kPauseMs = 10'000;

enum class Part { kKnown, kUnknown, kIdle };

class Rehearser {
 public:
  Rehearser(const std::vector<std::string>& labels, std::function<Look(const Frame&)> look_at,
            const RehearsalOptions& options)
      : labels_(labels),
        look_at_(std::move(look_at)),
        options_(options),
        decision_(options.decision),
        total_(options.known_pointings + options.unknown_pointings + options.idle_ms / 60'000) {}

  Status Point(Part part, std::vector<int> things, int pointings) {
    if (pointings == 0) return Ok();
    SceneSessionOptions session = OptionsFor(part);
    session.labels = std::move(things);
    DwellCounts& counts = part == Part::kKnown ? result_.known : result_.unknown;
    return Play(
        session, 1000 / options_.frames_per_second,
        [&](int64_t) { return counts.dwells < pointings; }, &counts);
  }

  Status Idle() {
    SceneSessionOptions session = OptionsFor(Part::kIdle);
    session.pointing = 0;
    result_.idle_ms = options_.idle_ms;
    return Play(
        session, 1000 / options_.idle_frames_per_second,
        [&](int64_t time_ms) { return time_ms < options_.idle_ms; }, nullptr);
  }

  RehearsalResult Take() { return std::move(result_); }

 private:
  // What has been answered at the table at hand.
  struct Table {
    int64_t episode = -1;
    int label = -1;
    std::optional<int64_t> still_since_ms;
    bool is_right = false;
    bool is_wrong = false;
    bool is_unknown = false;
    bool is_faulty = false;
  };

  SceneSessionOptions OptionsFor(Part part) const {
    SceneSessionOptions session{.seed = 3 * options_.seed + static_cast<uint64_t>(part)};
    session.difficulty = options_.difficulty;
    return session;
  }

  // `counts` is null where nobody points.
  template <typename Goes>
  Status Play(const SceneSessionOptions& options, int64_t step_ms, const Goes& goes_on,
              DwellCounts* counts) {
    SceneSession session(options);
    SceneSession scout(options);
    Table table;
    int64_t scouted_ms = 0;
    int64_t last_minute = 0;
    for (int64_t time_ms = 0;; time_ms += step_ms) {
      for (; scouted_ms <= time_ms; scouted_ms += kTruthStepMs) {
        const SceneTruth truth = scout.TruthAt(scouted_ms);
        if (truth.episode != table.episode) {
          DEIXIS_RETURN_IF_ERROR(Close(table, counts));
          if (!goes_on(scouted_ms)) return End(time_ms);
          table = Table{};
          table.episode = truth.episode;
          table.label = truth.label;
        }
        const bool dwells = truth.phase == PointingPhase::kDwelling && truth.has_fingertip;
        if (dwells && !table.still_since_ms) table.still_since_ms = scouted_ms;
      }
      SceneSession::View view = session.At(time_ms);
      Frame frame{.id = ++frames_,
                  .captured_ms = begin_ms_ + time_ms,
                  .image = std::move(view.image),
                  .truth = view.truth};
      See(frame, table, counts == nullptr);
      if (counts == nullptr && time_ms / 60'000 > last_minute) {
        last_minute = time_ms / 60'000;
        DEIXIS_RETURN_IF_ERROR(Advance());
      }
    }
  }

  void See(const Frame& frame, Table& table, bool is_idle) {
    const Look look = look_at_(frame);
    const SceneTruth& truth = *frame.truth;
    const double spent_ms = look.pointer_ms + look.object_ms;
    if (truth.has_fingertip) result_.look_ms.push_back(spent_ms);
    if (truth.phase == PointingPhase::kDwelling && truth.has_fingertip) {
      result_.tip_error_px.push_back(std::hypot(look.tip_px.x + 0.5 - truth.fingertip_x_px,
                                                look.tip_px.y + 0.5 - truth.fingertip_y_px));
    }
    FrameSeen seen = look.seen;
    seen.captured_ms = seen.now_ms = frame.captured_ms;
    for (const DecisionEvent& event : decision_.See(seen)) {
      const bool is_spoken = !PhraseFor(event, labels_).empty();
      if (is_idle) {
        result_.idle_utterances += is_spoken ? 1 : 0;
        continue;
      }
      const bool answers = Note(event, table);
      if (answers && table.still_since_ms) {
        result_.answer_ms.push_back(
            static_cast<double>(event.time_ms - begin_ms_ - *table.still_since_ms) + spent_ms);
      }
    }
  }

  // Whether the event is an answer to the table.
  bool Note(const DecisionEvent& event, Table& table) const {
    switch (event.kind) {
      case DecisionEventKind::kSay:
      case DecisionEventKind::kHedge:
      case DecisionEventKind::kRepeat: {
        const bool is_right =
            table.label >= 0 &&
            labels_[event.label] == SceneClassNames()[static_cast<size_t>(table.label)];
        (is_right ? table.is_right : table.is_wrong) = true;
        return event.kind != DecisionEventKind::kRepeat;
      }
      case DecisionEventKind::kUnknown:
        table.is_unknown = true;
        return true;
      case DecisionEventKind::kTooDark:
      case DecisionEventKind::kTooBlurred:
      case DecisionEventKind::kTipAtEdge:
        table.is_faulty = true;
        return false;
      default:
        return false;
    }
  }

  Status Close(const Table& table, DwellCounts* counts) {
    if (counts == nullptr || !table.still_since_ms) return Ok();
    ++counts->dwells;
    if (table.is_wrong) {
      ++counts->wrong;
    } else if (table.is_right) {
      ++counts->right;
    } else if (table.is_unknown) {
      ++counts->unknown;
    } else if (table.is_faulty) {
      ++counts->faulty;
    } else {
      ++counts->silent;
    }
    return Advance();
  }

  Status Advance() {
    if (!options_.progress || options_.progress(++done_, total_)) return Ok();
    return Error{ErrorCode::kInterrupted, "interrupted", ""};
  }

  Status End(int64_t time_ms) {
    begin_ms_ += time_ms + kPauseMs;
    return Ok();
  }

  const std::vector<std::string>& labels_;
  std::function<Look(const Frame&)> look_at_;
  const RehearsalOptions& options_;
  Decision decision_;
  RehearsalResult result_;
  uint64_t frames_ = 0;
  int64_t begin_ms_ = 0;  // of the part that is being played
  int64_t done_ = 0;
  const int64_t total_;
};

}  // namespace

Status RehearsalOptions::Validate() const {
  if (known_pointings < 0 || unknown_pointings < 0 || idle_ms < 0) {
    return UsageError("rehearsal: expected no negative number of pointings or minutes");
  }
  if (frames_per_second < 1 || frames_per_second > 100 || idle_frames_per_second < 1 ||
      idle_frames_per_second > 100) {
    return UsageError("rehearsal: expected 1 to 100 frames per second, got " +
                      std::to_string(frames_per_second) + " and " +
                      std::to_string(idle_frames_per_second));
  }
  return decision.Validate();
}

Result<RehearsalResult> Rehearse(const std::vector<std::string>& labels,
                                 const std::function<Look(const Frame&)>& look_at,
                                 const RehearsalOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  std::vector<int> known;
  std::vector<int> unknown;
  const std::vector<std::string>& things = SceneClassNames();
  for (size_t i = 0; i < things.size(); ++i) {
    const bool has_name = std::ranges::find(labels, things[i]) != labels.end();
    (has_name ? known : unknown).push_back(static_cast<int>(i));
  }
  if (known.empty() && options.known_pointings > 0) {
    return InvalidData("the object model: expected a name for a made thing (\"" + things[0] +
                           "\", ...), found none",
                       "teach it with deixis data make --kind objects");
  }
  if (unknown.empty() && options.unknown_pointings > 0) {
    return InvalidData("the object model has a name for every made thing: nothing is unknown to it",
                       "teach it without some of them, or ask for no unknown pointings");
  }
  Rehearser rehearser(labels, look_at, options);
  DEIXIS_RETURN_IF_ERROR(rehearser.Point(Part::kKnown, known, options.known_pointings));
  DEIXIS_RETURN_IF_ERROR(rehearser.Point(Part::kUnknown, unknown, options.unknown_pointings));
  DEIXIS_RETURN_IF_ERROR(rehearser.Idle());
  return rehearser.Take();
}

}  // namespace deixis
