// When to say what: from what was seen in each frame to at most one thing to say. A wrong name is
// worse than silence, so a name needs a finger that is surely there, held still for a while, over
// several frames that agree.
//
// A pure state machine over timestamps: no clock, no thread, no sound. The same frames give the
// same events, so a recorded session can be replayed.
//
//   no finger ──presence──► seeking ──still for dwell_ms──► locked ──votes agree──► settled
//       ▲                      ▲ moved                        │ moved                  │
//       └──── absent ──────────┴──────────────────────────────┘◄── moved far, absent ──┘
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace deixis {

// The defaults and ranges are those that studies of dwell selection and of assistive devices give:
// 300 to 1000 ms of dwell work, 500 best; half of the wrong names go unnoticed by who cannot see.
// Distances are fractions of the frame's diagonal.
struct DecisionOptions {
  double presence_on = 0.70;
  double presence_off = 0.45;  // below it a finger that was there is gone
  double still_radius = 0.03;  // greatest distance of two points of a dwell
  int64_t dwell_ms = 600;
  bool only_when_asked = false;  // a dwell says nothing of itself; see Ask()
  int min_votes = 5;             // frames of the dwell that were looked at
  int min_slow_votes = 3;        // the same when fewer than 8 frames come in a second
  double vote_share = 0.70;
  double smoothing = 0.4;  // weight of a new frame's probabilities in their moving average
  double say_probability = 0.75;
  double say_margin = 0.25;         // over the second best
  double hedge_probability = 0.50;  // "maybe mug"; 1 never hedges
  double rearm_distance = 0.12;     // from where it locked
  int64_t rearm_absence_ms = 500;
  int64_t repeat_ms = 8000;          // the same name is not said again within
  int64_t forget_absence_ms = 2000;  // but for an absence of this long
  int64_t stale_ms = 300;            // older frames do not count
  int64_t give_up_ms = 1500;         // after the dwell without votes that agree: unknown
  int64_t camera_lost_again_ms = 60'000;

  // kUsage names the option that is out of range.
  Status Validate() const;
};

// What is wrong with a frame, if anything: such a frame casts no vote.
enum class FrameFault { kNone, kTooDark, kTooBlurred, kTipAtEdge };

struct FrameSeen {
  int64_t captured_ms = 0;  // any clock that does not go back
  int64_t now_ms = 0;       // the same clock, when the frame had been looked at
  double presence = 0;      // of a pointing finger, 0..1
  double tip_x = 0;         // in diagonals, so that distances are the same either way
  double tip_y = 0;
  FrameFault fault = FrameFault::kNone;
  // Probability of each label, the same labels in every frame; empty when the frame was not
  // classified.
  std::vector<double> probabilities;
  bool is_unknown = false;  // it looks like "nothing", or like nothing at all
  // How far the thing is from being rejected as a stranger, in the units of the model's score:
  // below 0 it would be. Judged over the whole dwell, since one frame of it may err.
  double known_margin = 0;

  // By this frame alone.
  bool is_rejected() const { return is_unknown || known_margin < 0; }
};

enum class DecisionEventKind {
  kFingerFound,
  kFingerLost,
  kLocked,      // the dwell is over
  kSay,         // `label`
  kHedge,       // "maybe `label`"
  kUnknown,     // something that cannot be named
  kRepeat,      // `label`, but it has just been said: nothing is spoken
  kTooDark,     // the dwell saw nothing usable, and why
  kTooBlurred,  //
  kTipAtEdge,   //
  kCameraLost,  // also when a minute has passed without one
  kCameraBack,
};

struct DecisionEvent {
  DecisionEventKind kind = DecisionEventKind::kFingerFound;
  int64_t time_ms = 0;
  int label = -1;          // kSay, kHedge, kRepeat
  double probability = 0;  // the same
};

std::string_view EventName(DecisionEventKind kind);  // "finger-found", "say", ...

class Decision {
 public:
  // `options` must be valid.
  explicit Decision(const DecisionOptions& options) : options_(options) {}

  // Frames whose capture time does not grow, and stale ones, are passed over. O(frames of a dwell).
  std::vector<DecisionEvent> See(const FrameSeen& frame);
  // The wearer asks, by a key: the dwell counts as over as soon as a finger is there, and the same
  // name is said again.
  void Ask() { asked_ = true; }
  // No frame comes any more; to be called again and again while that lasts.
  std::vector<DecisionEvent> CameraLost(int64_t now_ms);

  enum class State { kNoFinger, kSeeking, kLocked, kSettled };
  State state() const { return state_; }
  // Of the dwell, 0..1.
  double progress() const { return progress_; }

 private:
  struct Sample {
    int64_t time_ms;
    double x;
    double y;
    FrameFault fault;
    int label;  // voted for; -1 for none, the number of labels for "unknown"
    double known_margin;
    std::vector<double> probabilities;  // empty without a vote
  };
  using Events = std::vector<DecisionEvent>;

  void FollowPresence(const FrameSeen& frame, Events& events);
  bool Remember(const FrameSeen& frame);
  std::vector<double> AverageProbabilities() const;
  void Lock(const FrameSeen& frame, Events& events);
  void Judge(const FrameSeen& frame, Events& events);
  bool IsStranger(int label) const;
  void Name(int64_t time_ms, int label, Events& events);
  int RequiredVotes() const;
  void Leave(State state);
  static double Distance(double ax, double ay, double bx, double by);

  DecisionOptions options_;
  State state_ = State::kNoFinger;
  bool asked_ = false;
  double progress_ = 0;
  std::optional<int64_t> last_frame_ms_;
  std::optional<int64_t> absent_since_ms_;
  std::deque<Sample> samples_;  // of the dwell in progress, no two farther apart than still_radius
  double lock_x_ = 0;
  double lock_y_ = 0;
  int64_t locked_ms_ = 0;
  int said_label_ = -1;
  int64_t said_ms_ = 0;
  std::optional<int64_t> camera_lost_ms_;
};

}  // namespace deixis
