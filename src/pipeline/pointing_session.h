// From the camera to the voice: each new frame is looked at, the decision is told, and what it
// makes of it is heard.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/decision.h"
#include "pipeline/looker.h"
#include "pipeline/phrases.h"
#include "speech/speaker.h"
#include "speech/voice.h"
#include "vision/camera/camera.h"

namespace deixis {

// Everything that can be said, made into sound once: names are a closed set, and a voice that first
// has to start would be late.
class Phrasebook {
 public:
  // Every name, every name as a guess, and the messages. `names`: what is said for each label. A
  // voice that fails is an error of the first phrase. O(names) runs of the voice; some 10 ms each
  // with espeak-ng.
  static Result<Phrasebook> Make(const std::vector<std::string>& names,
                                 const VoiceOptions& voice = {},
                                 Language language = Language::kEnglish);
  // None to be heard: every phrase is empty.
  static Phrasebook Silent() { return {}; }

  // In the mix format; empty for an event that is not spoken.
  Sound Find(const DecisionEvent& event) const;

 private:
  std::map<std::string, Sound> sounds_;
  std::vector<std::string> names_;
  Language language_ = Language::kEnglish;
};

struct SessionStep {
  std::shared_ptr<const Frame> frame;  // none when no new one came
  Look look;  // of the frame; `seen.now_ms` also without one: when the decision was told
  std::vector<DecisionEvent> events;
  CameraState camera = CameraState::kStarting;
  bool asked = false;  // Ask() came before it, or before the frame of a recording
  int64_t now_ms = 0;  // on the camera's clock, when the step was done
};

class PointingSession {
 public:
  using LookAt = std::function<Look(const Frame&)>;

  // Speaker may be null: nothing is heard. The camera, the speaker and what `look_at` uses must
  // outlive the session.
  PointingSession(Camera* camera, LookAt look_at, const DecisionOptions& options, Speaker* speaker,
                  Phrasebook phrases)
      : camera_(camera),
        look_at_(std::move(look_at)),
        decision_(options),
        speaker_(speaker),
        phrases_(std::move(phrases)) {}

  // Waits at most `timeout_ms` for a frame, and sees what comes of it.
  SessionStep Step(int64_t timeout_ms = 100);
  // By key or button; see Decision::Ask.
  void Ask() { asked_ = true; }

  const Decision& decision() const { return decision_; }

 private:
  void Hear(const DecisionEvent& event, const Look& look, const Frame* frame);

  Camera* camera_;
  LookAt look_at_;
  Decision decision_;
  Speaker* speaker_;
  Phrasebook phrases_;
  uint64_t last_id_ = 0;
  bool asked_ = false;
};

}  // namespace deixis
