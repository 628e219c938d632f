#include "vision/camera/scene_session.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <utility>

#include "base/rng.h"
#include "vision/camera/scene_stage.h"
#include "vision/scene/scene.h"

namespace deixis::camera {
namespace {

using scene::Uniform;
using scene::Vec2;

int64_t Between(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(high - low)));
}

// Of the finger that is held still, in shorter sides: a few pixels at 480.
constexpr float kTremor = 0.006f;
constexpr size_t kNoiseShifts = 4096;

}  // namespace

// What happens at one table, and when.
struct SceneSession::Episode {
  int64_t index = 0;
  int64_t start_ms = 0;
  int64_t absent_ms = 0;  // before the finger comes, or altogether
  int64_t approach_ms = 0;
  int64_t dwell_ms = 0;
  int64_t leave_ms = 0;
  bool has_hand = false;
  bool points = false;  // that hand
  SceneLayout layout;
  float tremor_hz[4] = {};
  float tremor_phase[4] = {};

  int64_t end_ms() const { return start_ms + absent_ms + approach_ms + dwell_ms + leave_ms; }
};

struct SceneSession::Stage {
  ScenePainting painting;
};

struct SceneSession::Ahead {
  int64_t index = 0;  // of its episode
  std::future<ScenePainting> painting;
};

struct SceneSession::Moment {
  SceneTruth truth;
  bool shows_hand = false;
  int64_t shift_x_px = 0;  // of the hand from where it points
  int64_t shift_y_px = 0;
};

Status SceneSessionOptions::Validate() const {
  const SceneOptions scene{.height_px = height_px, .width_px = width_px, .difficulty = difficulty};
  DEIXIS_RETURN_IF_ERROR(scene.Validate());
  const auto num_classes = static_cast<int>(SceneClassNames().size());
  for (const int label : labels) {
    if (label >= kNameless && label < num_classes) continue;
    return UsageError("scene: expected a label from -2 to " + std::to_string(num_classes - 1) +
                      ", found " + std::to_string(label));
  }
  if (things < 1 || things > 3) {
    return UsageError("scene: expected 1 to 3 things, found " + std::to_string(things));
  }
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  if (!is_share(pointing) || !is_share(gesturing) || !is_share(brightness)) {
    return UsageError("scene: expected pointing, gesturing and brightness within 0..1, found " +
                      std::to_string(pointing) + ", " + std::to_string(gesturing) + " and " +
                      std::to_string(brightness));
  }
  return Ok();
}

SceneSession::SceneSession(const SceneSessionOptions& options) : options_(options) {
  // Sensor noise is drawn once; each frame begins at another place of it.
  Rng rng(Rng(options.seed + 1).NextBits());
  const double deviation = 255 * 0.02 * options.difficulty;
  noise_.resize(static_cast<size_t>(3 * options.height_px * options.width_px) + kNoiseShifts);
  for (int8_t& value : noise_) {
    const uint64_t bits = rng.NextBits();
    // The sum of four uniform numbers is near enough to normal, and exact everywhere.
    const auto sum = static_cast<double>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                         (bits >> 32 & 0xFFFF) + (bits >> 48)) -
                     2 * 65535;
    value = static_cast<int8_t>(std::floor(sum * 1.7320508 / 65536 * deviation + 0.5));
  }
}

SceneSession::~SceneSession() = default;

SceneSession::Episode SceneSession::EpisodeAfter(const Episode* last) const {
  Episode next;
  if (last != nullptr) {
    next.index = last->index + 1;
    next.start_ms = last->end_ms();
  }
  Rng rng(Rng(options_.seed * 1'000'003 + static_cast<uint64_t>(next.index)).NextBits());
  next.absent_ms = Between(rng, 900, 2000);
  next.points = rng.Unit() < options_.pointing;
  const int64_t approach_ms = Between(rng, 450, 800);
  const int64_t dwell_ms = Between(rng, 1600, 2600);
  const int64_t leave_ms = Between(rng, 350, 600);
  // Drawn from numbers of its own: gestures leave all other tables as they are.
  Rng gestures(rng.state() ^ 0x6E57);
  next.has_hand = next.points || gestures.Unit() < options_.gesturing;
  if (next.has_hand) {
    next.approach_ms = approach_ms;
    next.dwell_ms = dwell_ms;
    next.leave_ms = leave_ms;
  } else {
    next.absent_ms += approach_ms + dwell_ms + leave_ms;
  }
  for (float& hz : next.tremor_hz) hz = Uniform(rng, 0.7, 3);
  for (float& phase : next.tremor_phase) phase = Uniform(rng, 0, 1);
  next.layout = PlanScene(options_, rng);
  if (!next.points) {
    constexpr scene::HandPose kPoses[] = {scene::HandPose::kOpen, scene::HandPose::kFist,
                                          scene::HandPose::kSeveral};
    next.layout.hand = kPoses[gestures.Below(3)];
  }
  return next;
}

void SceneSession::Seek(int64_t time_ms) {
  if (episode_ && time_ms < episode_->start_ms) {
    episode_.reset();
    stage_.reset();
    ahead_.reset();
  }
  while (!episode_ || time_ms >= episode_->end_ms()) {
    episode_ = std::make_unique<Episode>(EpisodeAfter(episode_.get()));
    stage_.reset();
    if (ahead_ && ahead_->index < episode_->index) ahead_.reset();
    if (ahead_ && time_ms < episode_->end_ms()) {
      stage_ = std::make_unique<Stage>(Stage{ahead_->painting.get()});
      ahead_.reset();
    }
  }
}

void SceneSession::PaintAhead(int64_t time_ms) {
  // Who looks for a moment only shall not pay for it.
  constexpr int64_t kSettledMs = 500;
  if (ahead_ || time_ms < episode_->start_ms + kSettledMs) return;
  const Episode next = EpisodeAfter(episode_.get());
  const auto paint = [options = options_, layout = next.layout, with_hand = next.has_hand] {
    return PaintScene(options, layout, with_hand);
  };
  ahead_ = std::make_unique<Ahead>(Ahead{next.index, std::async(std::launch::async, paint)});
}

SceneSession::Moment SceneSession::MomentAt(int64_t time_ms) {
  Seek(time_ms);
  const Episode& episode = *episode_;
  const SceneLayout& layout = episode.layout;
  Moment moment;
  SceneTruth& truth = moment.truth;
  truth.episode = episode.index;
  truth.label = layout.label;
  int64_t t = time_ms - episode.start_ms - episode.absent_ms;
  if (!episode.has_hand || t < 0) return moment;
  moment.shows_hand = true;
  float away = 0;  // 0 on the thing, 1 out of the picture
  if (t < episode.approach_ms) {
    truth.phase = PointingPhase::kApproaching;
    away = 1 - scene::SmoothStep(0, static_cast<float>(episode.approach_ms), static_cast<float>(t));
  } else if (t < episode.approach_ms + episode.dwell_ms) {
    truth.phase = PointingPhase::kDwelling;
  } else {
    truth.phase = PointingPhase::kLeaving;
    t -= episode.approach_ms + episode.dwell_ms;
    away = scene::SmoothStep(0, static_cast<float>(episode.leave_ms), static_cast<float>(t));
  }
  const auto seconds = static_cast<float>(time_ms - episode.start_ms) / 1000;
  const auto wave = [&](int i) {
    return scene::Sin(2 * scene::kPi * (episode.tremor_hz[i] * seconds + episode.tremor_phase[i]));
  };
  const float tremor =
      kTremor * static_cast<float>(std::min(options_.height_px, options_.width_px));
  const Vec2 shift =
      away * layout.retreat_px + (tremor / 2) * Vec2{wave(0) + wave(1), wave(2) + wave(3)};
  moment.shift_x_px = static_cast<int64_t>(std::floor(shift.x + 0.5f));
  moment.shift_y_px = static_cast<int64_t>(std::floor(shift.y + 0.5f));
  if (!episode.points) {
    truth.phase = PointingPhase::kAbsent;
    return moment;
  }
  const double x_px = static_cast<double>(layout.tip_px.x) + static_cast<double>(moment.shift_x_px);
  const double y_px = static_cast<double>(layout.tip_px.y) + static_cast<double>(moment.shift_y_px);
  truth.direction_x = static_cast<double>(layout.direction.x);
  truth.direction_y = static_cast<double>(layout.direction.y);
  if (x_px >= 0 && x_px < static_cast<double>(options_.width_px) && y_px >= 0 &&
      y_px < static_cast<double>(options_.height_px)) {
    truth.has_fingertip = true;
    truth.fingertip_x_px = x_px;
    truth.fingertip_y_px = y_px;
    truth.knuckle_x_px = x_px - static_cast<double>(layout.finger_px * layout.direction.x);
    truth.knuckle_y_px = y_px - static_cast<double>(layout.finger_px * layout.direction.y);
  }
  return moment;
}

SceneTruth SceneSession::TruthAt(int64_t time_ms) { return MomentAt(time_ms).truth; }

SceneSession::View SceneSession::At(int64_t time_ms) {
  const Moment moment = MomentAt(time_ms);
  if (!stage_) {
    stage_ =
        std::make_unique<Stage>(Stage{PaintScene(options_, episode_->layout, episode_->has_hand)});
  }
  PaintAhead(time_ms);
  View view{.image = stage_->painting.table, .truth = moment.truth};
  if (moment.shows_hand) {
    stage_->painting.hand.CompositeOnto(view.image, moment.shift_x_px, moment.shift_y_px);
  }
  if (options_.difficulty > 0) {
    // The factor is odd, so that no place comes twice in kNoiseShifts milliseconds: what stands
    // still must not give the same picture twice.
    const size_t first = static_cast<uint64_t>(time_ms) * 1597 % kNoiseShifts;
    const int8_t* noise = noise_.data() + first;
    for (size_t i = 0; i < view.image.pixels.size(); ++i) {
      view.image.pixels[i] =
          static_cast<uint8_t>(std::clamp(view.image.pixels[i] + noise[i], 0, 255));
    }
  }
  return view;
}

}  // namespace deixis::camera
