#include "pipeline/pointing_session.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace deixis {
namespace {

constexpr DecisionEventKind kMessages[] = {
    DecisionEventKind::kTooDark, DecisionEventKind::kTooBlurred, DecisionEventKind::kTipAtEdge,
    DecisionEventKind::kCameraLost, DecisionEventKind::kCameraBack};

// How near to the middle of the frame the tip is (0 at a corner, 1 in the middle), and on which
// side
// (-1 left, 1 right).
struct Bearing {
  double centrality = 1;
  double pan = 0;
};
Bearing BearingOf(const Look& look, const Frame& frame) {
  const auto half_width = static_cast<double>(frame.image.width_px) / 2;
  const auto half_height = static_cast<double>(frame.image.height_px) / 2;
  const double x = (look.tip_px.x - half_width) / half_width;
  const double y = (look.tip_px.y - half_height) / half_height;
  return {.centrality = 1 - std::min(1.0, std::hypot(x, y) / std::sqrt(2.0)),
          .pan = std::clamp(x, -1.0, 1.0)};
}

std::optional<Earcon> EarconFor(DecisionEventKind kind) {
  switch (kind) {
    case DecisionEventKind::kFingerFound:
      return Earcon::kFingerFound;
    case DecisionEventKind::kLocked:
      return Earcon::kLocked;
    case DecisionEventKind::kUnknown:
      return Earcon::kUnknown;
    case DecisionEventKind::kTooDark:
      return Earcon::kTooDark;
    case DecisionEventKind::kTooBlurred:
      return Earcon::kTooBlurred;
    case DecisionEventKind::kCameraLost:
      return Earcon::kCameraLost;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<Phrasebook> Phrasebook::Make(const std::vector<std::string>& names,
                                    const VoiceOptions& voice, Language language) {
  Phrasebook book;
  book.names_ = names;
  book.language_ = language;
  std::vector<DecisionEvent> events;
  for (const DecisionEventKind kind : kMessages) events.push_back({.kind = kind});
  for (size_t label = 0; label < names.size(); ++label) {
    for (const DecisionEventKind kind : {DecisionEventKind::kSay, DecisionEventKind::kHedge}) {
      events.push_back({.kind = kind, .label = static_cast<int>(label)});
    }
  }
  for (const DecisionEvent& event : events) {
    const std::string phrase = PhraseFor(event, names, language);
    if (phrase.empty() || book.sounds_.contains(phrase)) continue;
    DEIXIS_ASSIGN(const Sound sound, Synthesize(phrase, voice));
    book.sounds_[phrase] = ToMixFormat(sound);
  }
  return book;
}

Sound Phrasebook::Find(const DecisionEvent& event) const {
  const auto found = sounds_.find(PhraseFor(event, names_, language_));
  if (found != sounds_.end()) return found->second;
  return {.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels, .samples = {}};
}

SessionStep PointingSession::Step(int64_t timeout_ms) {
  SessionStep step;
  step.frame = camera_->WaitForFrame(last_id_, timeout_ms);
  step.camera = camera_->StatusNow().state;
  step.asked = std::exchange(asked_, false) || (step.frame != nullptr && step.frame->asked);
  if (step.asked) decision_.Ask();
  if (step.frame != nullptr) {
    last_id_ = step.frame->id;
    step.look = look_at_(*step.frame);
    step.look.seen.now_ms = camera_->NowMs();
    step.events = decision_.See(step.look.seen);
  } else if (step.camera == CameraState::kNoSignal) {
    step.look.seen.now_ms = camera_->NowMs();
    step.events = decision_.CameraLost(step.look.seen.now_ms);
  }
  step.now_ms = camera_->NowMs();
  if (speaker_ == nullptr) return step;
  speaker_->Advance(step.now_ms);
  for (const DecisionEvent& event : step.events) Hear(event, step.look, step.frame.get());
  return step;
}

void PointingSession::Hear(const DecisionEvent& event, const Look& look, const Frame* frame) {
  if (const auto earcon = EarconFor(event.kind)) {
    const Bearing bearing = frame == nullptr ? Bearing{} : BearingOf(look, *frame);
    speaker_->Play(MakeEarcon(*earcon, bearing.centrality, bearing.pan));
  }
  if (Sound phrase = phrases_.Find(event); phrase.num_frames() > 0)
    speaker_->Say(std::move(phrase));
}

}  // namespace deixis
