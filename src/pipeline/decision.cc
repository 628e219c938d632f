#include "pipeline/decision.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace deixis {
namespace {

constexpr double kSlowFramesPerSecond = 8;

Status CheckRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return Ok();
  const auto text = [](double number) {
    std::string digits = std::to_string(number);
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
    return digits;
  };
  return UsageError(std::string(name) + ": expected " + text(low) + " to " + text(high) + ", got " +
                    text(value));
}

}  // namespace

Status DecisionOptions::Validate() const {
  DEIXIS_RETURN_IF_ERROR(CheckRange("presence_on", presence_on, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("presence_off", presence_off, 0, presence_on));
  DEIXIS_RETURN_IF_ERROR(CheckRange("still_radius", still_radius, 0.005, 0.2));
  DEIXIS_RETURN_IF_ERROR(CheckRange("dwell_ms", static_cast<double>(dwell_ms), 100, 5000));
  DEIXIS_RETURN_IF_ERROR(CheckRange("min_votes", min_votes, 1, 100));
  DEIXIS_RETURN_IF_ERROR(CheckRange("min_slow_votes", min_slow_votes, 1, min_votes));
  DEIXIS_RETURN_IF_ERROR(CheckRange("vote_share", vote_share, 0.5, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("smoothing", smoothing, 0.01, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("say_probability", say_probability, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("say_margin", say_margin, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("hedge_probability", hedge_probability, 0, 1));
  DEIXIS_RETURN_IF_ERROR(CheckRange("rearm_distance", rearm_distance, still_radius, 1));
  const std::pair<const char*, int64_t> times[] = {{"rearm_absence_ms", rearm_absence_ms},
                                                   {"repeat_ms", repeat_ms},
                                                   {"forget_absence_ms", forget_absence_ms},
                                                   {"stale_ms", stale_ms},
                                                   {"give_up_ms", give_up_ms},
                                                   {"camera_lost_again_ms", camera_lost_again_ms}};
  for (const auto& [name, value] : times) {
    DEIXIS_RETURN_IF_ERROR(CheckRange(name, static_cast<double>(value), 0, 3'600'000));
  }
  return Ok();
}

std::string_view EventName(DecisionEventKind kind) {
  switch (kind) {
    case DecisionEventKind::kFingerFound:
      return "finger-found";
    case DecisionEventKind::kFingerLost:
      return "finger-lost";
    case DecisionEventKind::kLocked:
      return "locked";
    case DecisionEventKind::kSay:
      return "say";
    case DecisionEventKind::kHedge:
      return "hedge";
    case DecisionEventKind::kUnknown:
      return "unknown";
    case DecisionEventKind::kRepeat:
      return "repeat";
    case DecisionEventKind::kTooDark:
      return "too-dark";
    case DecisionEventKind::kTooBlurred:
      return "too-blurred";
    case DecisionEventKind::kTipAtEdge:
      return "tip-at-edge";
    case DecisionEventKind::kCameraLost:
      return "camera-lost";
    case DecisionEventKind::kCameraBack:
      return "camera-back";
  }
  return "";
}

double Decision::Distance(double ax, double ay, double bx, double by) {
  return std::hypot(ax - bx, ay - by);
}

std::vector<DecisionEvent> Decision::See(const FrameSeen& frame) {
  Events events;
  if (last_frame_ms_ && frame.captured_ms <= *last_frame_ms_) return events;
  if (frame.now_ms - frame.captured_ms > options_.stale_ms) return events;
  // After a gap the finger may have been anywhere: what was collected before it does not count.
  if (last_frame_ms_ && frame.captured_ms - *last_frame_ms_ > options_.dwell_ms) {
    samples_.clear();
  }
  last_frame_ms_ = frame.captured_ms;
  if (camera_lost_ms_) {
    camera_lost_ms_.reset();
    events.push_back({.kind = DecisionEventKind::kCameraBack, .time_ms = frame.captured_ms});
  }

  FollowPresence(frame, events);
  if (state_ == State::kNoFinger) return events;

  const bool moved_far =
      Distance(frame.tip_x, frame.tip_y, lock_x_, lock_y_) > options_.rearm_distance;
  if (state_ == State::kSettled && (moved_far || asked_)) Leave(State::kSeeking);
  if (state_ == State::kSettled) return events;

  const bool was_still = Remember(frame);
  if (state_ == State::kLocked && !was_still) state_ = State::kSeeking;
  if (state_ == State::kSeeking) {
    const int64_t held_ms = frame.captured_ms - samples_.front().time_ms;
    progress_ =
        std::min(1.0, static_cast<double>(held_ms) / static_cast<double>(options_.dwell_ms));
    const bool is_over = held_ms >= options_.dwell_ms && !options_.only_when_asked;
    if (is_over || asked_) Lock(frame, events);
  }
  if (state_ == State::kLocked) Judge(frame, events);
  return events;
}

std::vector<DecisionEvent> Decision::CameraLost(int64_t now_ms) {
  const bool again = camera_lost_ms_ && now_ms - *camera_lost_ms_ >= options_.camera_lost_again_ms;
  if (camera_lost_ms_ && !again) return {};
  camera_lost_ms_ = now_ms;
  Leave(State::kNoFinger);
  absent_since_ms_ = absent_since_ms_.value_or(now_ms);
  return {{.kind = DecisionEventKind::kCameraLost, .time_ms = now_ms}};
}

void Decision::FollowPresence(const FrameSeen& frame, Events& events) {
  const bool was_there = state_ != State::kNoFinger && !absent_since_ms_;
  const double threshold = was_there ? options_.presence_off : options_.presence_on;
  const bool is_there = frame.presence >= threshold;
  const int64_t now = frame.captured_ms;
  if (is_there) {
    const int64_t absence_ms = absent_since_ms_ ? now - *absent_since_ms_ : 0;
    if (absence_ms >= options_.forget_absence_ms) said_label_ = -1;
    absent_since_ms_.reset();
    if (state_ == State::kNoFinger) {
      Leave(State::kSeeking);
      events.push_back({.kind = DecisionEventKind::kFingerFound, .time_ms = now});
    }
    return;
  }
  if (!absent_since_ms_) absent_since_ms_ = now;
  if (state_ == State::kNoFinger) return;
  // A dwell is broken off at once; a settled one is kept over a frame or two without a finger.
  if (state_ == State::kSettled && now - *absent_since_ms_ < options_.rearm_absence_ms) return;
  Leave(State::kNoFinger);
  events.push_back({.kind = DecisionEventKind::kFingerLost, .time_ms = now});
}

// Adds the frame to the dwell, which begins anew after the last frame that is too far from it.
// False when it did.
bool Decision::Remember(const FrameSeen& frame) {
  Sample sample{.time_ms = frame.captured_ms,
                .x = frame.tip_x,
                .y = frame.tip_y,
                .fault = frame.fault,
                .label = -1,
                .known_margin = frame.known_margin,
                .probabilities = {}};
  if (frame.fault == FrameFault::kNone && !frame.probabilities.empty()) {
    const auto best = std::max_element(frame.probabilities.begin(), frame.probabilities.end());
    sample.label = static_cast<int>((frame.is_unknown ? frame.probabilities.end() : best) -
                                    frame.probabilities.begin());
    sample.probabilities = frame.probabilities;
  }
  const auto far = std::find_if(samples_.rbegin(), samples_.rend(), [&](const Sample& other) {
    return Distance(other.x, other.y, frame.tip_x, frame.tip_y) > options_.still_radius;
  });
  const bool was_still = far == samples_.rend();
  samples_.erase(samples_.begin(), far.base());
  samples_.push_back(std::move(sample));
  // A little more than the dwell, so that votes can outlast it.
  const int64_t kept_ms = options_.dwell_ms + options_.give_up_ms;
  while (frame.captured_ms - samples_.front().time_ms > kept_ms) samples_.pop_front();
  return was_still;
}

std::vector<double> Decision::AverageProbabilities() const {
  std::vector<double> average;
  for (const Sample& sample : samples_) {
    if (sample.probabilities.empty()) continue;
    if (average.size() != sample.probabilities.size()) {
      average = sample.probabilities;
      continue;
    }
    for (size_t i = 0; i < average.size(); ++i) {
      average[i] += options_.smoothing * (sample.probabilities[i] - average[i]);
    }
  }
  return average;
}

void Decision::Lock(const FrameSeen& frame, Events& events) {
  state_ = State::kLocked;
  progress_ = 1;
  lock_x_ = frame.tip_x;
  lock_y_ = frame.tip_y;
  locked_ms_ = frame.captured_ms;
  events.push_back({.kind = DecisionEventKind::kLocked, .time_ms = frame.captured_ms});
}

int Decision::RequiredVotes() const {
  const int64_t span_ms = samples_.back().time_ms - samples_.front().time_ms;
  const double per_second =
      span_ms > 0 ? 1000.0 * static_cast<double>(samples_.size() - 1) / static_cast<double>(span_ms)
                  : kSlowFramesPerSecond;
  return per_second < kSlowFramesPerSecond ? options_.min_slow_votes : options_.min_votes;
}

// Whether the frames that voted for the label took the thing for a stranger, on the average.
bool Decision::IsStranger(int label) const {
  double sum = 0;
  for (const Sample& sample : samples_) {
    if (sample.label == label) sum += sample.known_margin;
  }
  return sum < 0;
}

void Decision::Judge(const FrameSeen& frame, Events& events) {
  std::map<int, int> votes;
  std::map<FrameFault, int> faults;
  int num_votes = 0;
  for (const Sample& sample : samples_) {
    if (sample.fault != FrameFault::kNone) ++faults[sample.fault];
    if (sample.label < 0) continue;
    ++votes[sample.label];
    ++num_votes;
  }
  const auto more = [](const auto& a, const auto& b) { return a.second < b.second; };
  const bool waited = frame.captured_ms - locked_ms_ >= options_.give_up_ms;
  if (num_votes >= RequiredVotes()) {
    const auto winner = std::max_element(votes.begin(), votes.end(), more);
    if (winner->second >= options_.vote_share * num_votes) {
      const auto num_labels = static_cast<int>(AverageProbabilities().size());
      Name(frame.captured_ms, IsStranger(winner->first) ? num_labels : winner->first, events);
      return;
    }
  }
  if (!waited) return;
  DecisionEventKind kind = DecisionEventKind::kUnknown;
  if (num_votes < RequiredVotes() && !faults.empty()) {
    switch (std::max_element(faults.begin(), faults.end(), more)->first) {
      case FrameFault::kTooDark:
        kind = DecisionEventKind::kTooDark;
        break;
      case FrameFault::kTooBlurred:
        kind = DecisionEventKind::kTooBlurred;
        break;
      default:
        kind = DecisionEventKind::kTipAtEdge;
    }
  }
  events.push_back({.kind = kind, .time_ms = frame.captured_ms});
  Leave(State::kSettled);
}

void Decision::Name(int64_t time_ms, int label, Events& events) {
  const std::vector<double> average = AverageProbabilities();
  const auto num_labels = static_cast<int>(average.size());
  DecisionEvent event{.kind = DecisionEventKind::kUnknown, .time_ms = time_ms};
  if (label < num_labels) {
    double second = 0;
    for (int i = 0; i < num_labels; ++i) {
      if (i != label) second = std::max(second, average[i]);
    }
    event.label = label;
    event.probability = average[label];
    const bool clear = event.probability - second >= options_.say_margin;
    if (clear && event.probability >= options_.say_probability) {
      event.kind = DecisionEventKind::kSay;
    } else if (event.probability > second && event.probability >= options_.hedge_probability) {
      event.kind = DecisionEventKind::kHedge;
    }
  }
  if (event.kind == DecisionEventKind::kUnknown) {
    event.label = -1;
    event.probability = 0;
  } else if (label == said_label_ && time_ms - said_ms_ < options_.repeat_ms && !asked_) {
    event.kind = DecisionEventKind::kRepeat;
  } else {
    said_label_ = label;
    said_ms_ = time_ms;
  }
  events.push_back(event);
  Leave(State::kSettled);
}

void Decision::Leave(State state) {
  if (state_ == State::kLocked) asked_ = false;  // it has been answered, or the finger moved on
  if (state == State::kNoFinger) asked_ = false;
  state_ = state;
  progress_ = 0;
  samples_.clear();
}

}  // namespace deixis
