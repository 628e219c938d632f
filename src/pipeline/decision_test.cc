// The decision as a table of scripted sessions: what the camera sees over time, and the events that
// must come of it.
#include "pipeline/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two labels, mug and keys; a script adds frames of 10 a second by default.
class Session {
 public:
  explicit Session(DecisionOptions options = {}) : decision_(options) {
    EXPECT_TRUE(options.Validate().ok());
  }

  Session& Rate(int64_t frame_ms) {
    frame_ms_ = frame_ms;
    return *this;
  }
  Session& Sees(std::vector<double> probabilities) {
    frame_.probabilities = std::move(probabilities);
    frame_.is_unknown = false;
    frame_.known_margin = 0;
    return *this;
  }
  // A mug, whose frames are by turns so far from being rejected.
  Session& SeesMugWithMargins(double first, double second, int64_t for_ms) {
    SeesMug();
    for (int64_t done = 0; done < for_ms; done += 2 * frame_ms_) {
      frame_.known_margin = first;
      PointsAt(0.5, 0.4, frame_ms_);
      frame_.known_margin = second;
      PointsAt(0.5, 0.4, frame_ms_);
    }
    return *this;
  }
  Session& SeesMug() { return Sees({0.9, 0.1}); }
  Session& SeesKeys() { return Sees({0.1, 0.9}); }
  Session& SeesUnknown() {
    frame_.is_unknown = true;
    return *this;
  }
  Session& Fault(FrameFault fault) {
    frame_.fault = fault;
    return *this;
  }
  Session& Late(int64_t age_ms) {
    age_ms_ = age_ms;
    return *this;
  }
  Session& Jitter(double radius) {
    jitter_ = radius;
    return *this;
  }
  Session& PointsAt(double x, double y, int64_t for_ms, double presence = 0.95) {
    frame_.presence = presence;
    return Run(for_ms, [&](double) { frame_.tip_x = x, frame_.tip_y = y; });
  }
  // From where it is.
  Session& MovesTo(double x, double y, int64_t for_ms) {
    const double from_x = frame_.tip_x;
    const double from_y = frame_.tip_y;
    frame_.presence = 0.95;
    return Run(for_ms, [&](double done) {
      frame_.tip_x = from_x + done * (x - from_x);
      frame_.tip_y = from_y + done * (y - from_y);
    });
  }
  Session& NoFinger(int64_t for_ms) {
    frame_.presence = 0.05;
    return Run(for_ms, [](double) {});
  }
  Session& NoFrames(int64_t for_ms) {
    now_ms_ += for_ms;
    return *this;
  }
  Session& CameraIsLost(int64_t for_ms) {
    for (const int64_t end = now_ms_ + for_ms; now_ms_ < end; now_ms_ += 100) {
      Note(decision_.CameraLost(now_ms_));
    }
    return *this;
  }
  Session& Asks() {
    decision_.Ask();
    return *this;
  }

  // "say 0", "locked", ... since the last call.
  std::vector<std::string> Events() { return std::exchange(events_, {}); }
  // Of the last event of this name.
  int64_t TimeOf(const std::string& name) const { return times_.at(name); }
  int64_t now_ms() const { return now_ms_; }
  const Decision& decision() const { return decision_; }

 private:
  template <typename Move>
  Session& Run(int64_t for_ms, const Move& move) {
    const int64_t begin = now_ms_;
    for (; now_ms_ < begin + for_ms; now_ms_ += frame_ms_) {
      move(static_cast<double>(now_ms_ - begin + frame_ms_) / static_cast<double>(for_ms));
      FrameSeen frame = frame_;
      frame.tip_x += rng_.Uniform(-jitter_, jitter_);
      frame.tip_y += rng_.Uniform(-jitter_, jitter_);
      frame.captured_ms = now_ms_;
      frame.now_ms = now_ms_ + age_ms_;
      Note(decision_.See(frame));
    }
    return *this;
  }
  void Note(const std::vector<DecisionEvent>& events) {
    for (const DecisionEvent& event : events) {
      std::string name(EventName(event.kind));
      times_[name] = event.time_ms;
      if (event.label >= 0) name += " " + std::to_string(event.label);
      events_.push_back(name);
    }
  }

  Decision decision_;
  FrameSeen frame_{.probabilities = {0.9, 0.1}};
  Rng rng_{1};
  double jitter_ = 0;
  int64_t now_ms_ = 10'000;
  int64_t frame_ms_ = 100;
  int64_t age_ms_ = 20;
  std::vector<std::string> events_;
  std::map<std::string, int64_t> times_;
};

struct Scenario {
  std::string name;
  std::function<void(Session&)> script;
  std::vector<std::string> events;
  DecisionOptions options = {};
};

std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
  return out << scenario.name;
}

DecisionOptions Strict() {
  DecisionOptions options;
  options.hedge_probability = 1;
  return options;
}

class DecisionScenario : public ::testing::TestWithParam<Scenario> {};

TEST_P(DecisionScenario, GivesTheseEvents) {
  Session session(GetParam().options);
  GetParam().script(session);
  EXPECT_EQ(session.Events(), GetParam().events);
}

const Scenario kScenarios[] = {
    {"NobodyPoints", [](Session& s) { s.NoFinger(60'000); }, {}},
    {"PointsAndHearsTheName",
     [](Session& s) { s.NoFinger(1000).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0"}},
    {"PassesBy",
     [](Session& s) { s.PointsAt(0.5, 0.4, 300).NoFinger(1000); },
     {"finger-found", "finger-lost"}},
    {"NeverHoldsStill",
     [](Session& s) {
       for (int i = 0; i < 20; ++i) s.MovesTo(i % 2 * 0.3, 0.4, 400);
     },
     {"finger-found"}},
    {"TrembleWithinTheRadius",
     [](Session& s) { s.Jitter(0.01).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0"}},
    {"TrembleBeyondTheRadius",
     [](Session& s) { s.Jitter(0.05).PointsAt(0.5, 0.4, 3000); },
     {"finger-found"}},
    {"TrembleWithTheTremorPreset",
     [](Session& s) { s.Jitter(0.02).PointsAt(0.5, 0.4, 1500); },
     {"finger-found", "locked", "say 0"},
     {.still_radius = 0.06}},
    {"UnsurePresenceIsNoFinger", [](Session& s) { s.PointsAt(0.5, 0.4, 2000, 0.6); }, {}},
    {"PresenceMaySinkOnceItIsThere",
     [](Session& s) { s.PointsAt(0.5, 0.4, 200).PointsAt(0.5, 0.4, 1000, 0.5); },
     {"finger-found", "locked", "say 0"}},
    {"StaysAndHearsItOnce",
     [](Session& s) { s.PointsAt(0.5, 0.4, 30'000); },
     {"finger-found", "locked", "say 0"}},
    {"MovesALittleAndHearsItOnce",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).PointsAt(0.58, 0.4, 3000); },
     {"finger-found", "locked", "say 0"}},
    {"MovesOnToAnotherThing",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).SeesKeys().PointsAt(0.7, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "locked", "say 1"}},
    {"TheSameNameSoonAfter",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).PointsAt(0.7, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "locked", "repeat 0"}},
    {"TheSameNameLater",
     [](Session& s) { s.PointsAt(0.5, 0.4, 9000).PointsAt(0.7, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "locked", "say 0"}},
    {"AShortAbsenceKeepsTheName",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).NoFinger(1000).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "finger-lost", "finger-found", "locked", "repeat 0"}},
    {"ALongAbsenceForgetsIt",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).NoFinger(2600).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "finger-lost", "finger-found", "locked", "say 0"}},
    {"AFlickerIsNoAbsence",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).NoFinger(300).PointsAt(0.5, 0.4, 3000); },
     {"finger-found", "locked", "say 0"}},
    {"NotQuiteSure",
     [](Session& s) {
       s.Sees({0.6, 0.4}).PointsAt(0.5, 0.4, 1000);
     },
     {"finger-found", "locked", "hedge 0"}},
    {"LikelyButNotByMuch",
     [](Session& s) {
       s.Sees({0.55, 0.45}).PointsAt(0.5, 0.4, 1000);
     },
     {"finger-found", "locked", "hedge 0"}},
    {"StrictNeverHedges",
     [](Session& s) {
       s.Sees({0.6, 0.4}).PointsAt(0.5, 0.4, 1000);
     },
     {"finger-found", "locked", "unknown"},
     Strict()},
    {"AStrangerInSomeFramesOnly",
     [](Session& s) { s.SeesMugWithMargins(3, -2, 1000); },
     {"finger-found", "locked", "say 0"}},
    {"AStrangerOnTheAverage",
     [](Session& s) { s.SeesMugWithMargins(2, -3, 1000); },
     {"finger-found", "locked", "unknown"}},
    {"AnUnknownThing",
     [](Session& s) { s.SeesUnknown().PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "unknown"}},
    {"OneWildFrame",
     [](Session& s) {
       s.PointsAt(0.5, 0.4, 300)
           .SeesKeys()
           .PointsAt(0.5, 0.4, 100)
           .SeesMug()
           .PointsAt(0.5, 0.4, 600);
     },
     {"finger-found", "locked", "say 0"}},
    {"FramesThatDisagree",
     [](Session& s) {
       for (int i = 0; i < 30; ++i) {
         s.Sees(i % 2 == 0 ? std::vector{0.9, 0.1} : std::vector{0.1, 0.9});
         s.PointsAt(0.5, 0.4, 100);
       }
     },
     {"finger-found", "locked", "unknown"}},
    {"TooDark",
     [](Session& s) { s.Fault(FrameFault::kTooDark).PointsAt(0.5, 0.4, 4000); },
     {"finger-found", "locked", "too-dark"}},
    {"TooBlurred",
     [](Session& s) { s.Fault(FrameFault::kTooBlurred).PointsAt(0.5, 0.4, 4000); },
     {"finger-found", "locked", "too-blurred"}},
    {"AtTheEdge",
     [](Session& s) { s.Fault(FrameFault::kTipAtEdge).PointsAt(0.5, 0.4, 4000); },
     {"finger-found", "locked", "tip-at-edge"}},
    {"SomeFramesAreBlurred",
     [](Session& s) {
       s.Fault(FrameFault::kTooBlurred).PointsAt(0.5, 0.4, 500);
       s.Fault(FrameFault::kNone).PointsAt(0.5, 0.4, 1000);
     },
     {"finger-found", "locked", "say 0"}},
    {"ASlowCamera",
     [](Session& s) { s.Rate(250).PointsAt(0.5, 0.4, 1500); },
     {"finger-found", "locked", "say 0"}},
    {"AFastCamera",
     [](Session& s) { s.Rate(17).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0"}},
    {"StaleFramesSayNothing", [](Session& s) { s.Late(400).PointsAt(0.5, 0.4, 5000); }, {}},
    {"AGapInTheFramesIsNoDwell",
     [](Session& s) { s.PointsAt(0.5, 0.4, 300).NoFrames(2000).PointsAt(0.5, 0.4, 400); },
     {"finger-found"}},
    {"MovesOffDuringTheVote",
     [](Session& s) {
       s.Fault(FrameFault::kTooBlurred).PointsAt(0.5, 0.4, 1000).MovesTo(0.9, 0.4, 500);
     },
     {"finger-found", "locked"}},
    {"TheCameraIsLostAndComesBack",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).CameraIsLost(10'000).PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "camera-lost", "camera-back", "finger-found", "locked",
      "say 0"}},
    {"TheCameraStaysLost",
     [](Session& s) { s.CameraIsLost(125'000); },
     {"camera-lost", "camera-lost", "camera-lost"}},
    {"AsksWhilePointing",
     [](Session& s) { s.PointsAt(0.5, 0.4, 1000).Asks().PointsAt(0.5, 0.4, 1000); },
     {"finger-found", "locked", "say 0", "locked", "say 0"}},
    {"AsksBeforeTheDwellIsOver",
     [](Session& s) { s.PointsAt(0.5, 0.4, 100).Asks().PointsAt(0.5, 0.4, 400); },
     {"finger-found", "locked", "say 0"}},
};

INSTANTIATE_TEST_SUITE_P(All, DecisionScenario, ::testing::ValuesIn(kScenarios),
                         [](const auto& test) { return test.param.name; });

TEST(Decision, SaysNothingUnaskedWhenItOnlyAnswers) {
  DecisionOptions options;
  options.only_when_asked = true;
  Session session(options);
  session.SeesMug().PointsAt(0.5, 0.5, 5000);
  EXPECT_THAT(session.Events(), ElementsAre("finger-found"));
  session.Asks().PointsAt(0.5, 0.5, 1000);
  EXPECT_THAT(session.Events(), ElementsAre("locked", "say 0"));
  session.PointsAt(0.5, 0.5, 5000);
  EXPECT_THAT(session.Events(), IsEmpty());
  // The same name again, since that was asked for.
  session.Asks().PointsAt(0.5, 0.5, 1000);
  EXPECT_THAT(session.Events(), ElementsAre("locked", "say 0"));
}

TEST(Decision, SaysTheNameWhenTheDwellIsOver) {
  for (const int64_t frame_ms : {33, 100}) {
    Session session;
    session.Rate(frame_ms).NoFinger(1000);
    const int64_t begin = session.now_ms();
    session.PointsAt(0.5, 0.4, 1000);
    EXPECT_GE(session.TimeOf("say") - begin, 600);
    EXPECT_LE(session.TimeOf("say") - begin, 600 + frame_ms);
    EXPECT_EQ(session.TimeOf("finger-found"), begin);
  }
}

TEST(Decision, ShowsItsProgress) {
  Session session;
  session.PointsAt(0.5, 0.4, 400);  // frames at 0, 100, 200, 300
  EXPECT_EQ(session.decision().state(), Decision::State::kSeeking);
  EXPECT_DOUBLE_EQ(session.decision().progress(), 0.5);
  session.PointsAt(0.5, 0.4, 600);
  EXPECT_EQ(session.decision().state(), Decision::State::kSettled);
}

TEST(Decision, FramesFromThePastChangeNothing) {
  Decision decision({});
  FrameSeen frame{.captured_ms = 1000, .now_ms = 1000, .presence = 1, .probabilities = {1.0}};
  EXPECT_EQ(decision.See(frame).size(), 1u);
  frame.presence = 0;
  EXPECT_THAT(decision.See(frame), IsEmpty());
  frame.captured_ms = 900;
  EXPECT_THAT(decision.See(frame), IsEmpty());
  EXPECT_EQ(decision.state(), Decision::State::kSeeking);
}

// Whatever comes, nothing is said twice within the time of a repeat, and nothing without a finger.
TEST(Decision, NeverBabblesWhateverItSees) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Rng rng(seed);
    Decision decision({});
    int64_t now = 0;
    std::map<int, int64_t> said;
    bool finger = false;
    int64_t last_absence = 0;
    for (int i = 0; i < 3000; ++i) {
      now += static_cast<int64_t>(rng.Below(120));
      FrameSeen frame;
      frame.captured_ms = now;
      frame.now_ms = now + static_cast<int64_t>(rng.Below(350));
      frame.presence = rng.Below(12) == 0 ? rng.Unit() : 0.9;
      frame.tip_x = 0.5 + rng.Uniform(-0.012, 0.012) + (i / 40 % 2) * 0.3;
      frame.tip_y = 0.5;
      frame.probabilities = {rng.Unit(), rng.Unit() * 0.3};
      frame.is_unknown = rng.Below(10) == 0;
      for (const DecisionEvent& event : decision.See(frame)) {
        if (event.kind == DecisionEventKind::kFingerFound) finger = true;
        if (event.kind == DecisionEventKind::kFingerLost) {
          finger = false;
          last_absence = now;
        }
        if (event.kind != DecisionEventKind::kSay && event.kind != DecisionEventKind::kHedge)
          continue;
        EXPECT_TRUE(finger) << "seed " << seed;
        if (said.contains(event.label) && last_absence < said[event.label]) {
          EXPECT_GE(now - said[event.label], 8000) << "seed " << seed;
        }
        said[event.label] = now;
      }
    }
    EXPECT_FALSE(said.empty()) << "seed " << seed;
  }
}

TEST(DecisionOptions, NameWhatIsOutOfRange) {
  EXPECT_TRUE(DecisionOptions{}.Validate().ok());
  DecisionOptions options;
  options.presence_off = 0.9;
  EXPECT_THAT(options.Validate().error().message,
              HasSubstr("presence_off: expected 0 to 0.7, got 0.9"));
  options = {};
  options.dwell_ms = 20;
  EXPECT_THAT(options.Validate().error().message,
              HasSubstr("dwell_ms: expected 100 to 5000, got 20"));
  options = {};
  options.smoothing = NAN;
  EXPECT_FALSE(options.Validate().ok());
}

}  // namespace
}  // namespace deixis
