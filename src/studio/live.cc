#include "studio/live.h"

#include <atomic>
#include <chrono>
#include <cmath>

#include "compress/metrics.h"
#include "network/model.h"
#include "pipeline/looker.h"
#include "pipeline/pointing_session.h"
#include "runtime/executor.h"
#include "speech/speaker.h"
#include "vision/image.h"

namespace deixis::studio {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// One model on whole pictures: without a finger to say where to look, or without things to name.
class WholePicture {
 public:
  static Result<WholePicture> Create(const Model& model, int num_threads) {
    DEIXIS_ASSIGN(Executor executor, Executor::Create(model, {.num_threads = num_threads}));
    return WholePicture(std::move(executor), model);
  }

  Look See(const Image& frame, int64_t captured_ms) {
    const auto start = Clock::now();
    Look look;
    look.seen.captured_ms = look.seen.now_ms = captured_ms;
    const Image small = PrepareForModel(frame, preprocessing_);
    const std::span<const float> answer = executor_.Run(small.pixels);
    if (task_ == Task::kClassify) {
      look.seen.presence = 1;
      look.seen.probabilities = Softmax(answer);
      look.object_ms = MillisecondsSince(start);
      return look;
    }
    const PictureSize size{.height_px = frame.height_px, .width_px = frame.width_px};
    look.tip_px = PixelFromUnit({answer[0], answer[1]}, size, preprocessing_);
    look.seen.presence =
        tells_presence_ ? 1 / (1 + std::exp(-static_cast<double>(answer[2 * num_points_]))) : 1.0;
    look.pointer_ms = MillisecondsSince(start);
    return look;
  }

 private:
  WholePicture(Executor executor, const Model& model)
      : executor_(std::move(executor)),
        preprocessing_(model.preprocessing),
        task_(model.task),
        num_points_(NumCategories(model)),
        tells_presence_(model.tells_presence) {}

  Executor executor_;
  Preprocessing preprocessing_;
  Task task_;
  int64_t num_points_;
  bool tells_presence_;
};

// Either of the two ways to look.
// Null for a stage that this frame did not go through.
Json StageMs(double ms) { return ms > 0 ? Json(ms) : Json(nullptr); }

struct Eye {
  std::optional<Looker> looker;
  std::optional<WholePicture> whole;
  std::vector<std::string> labels;

  Look See(const Image& image, int64_t captured_ms) {
    return looker ? looker->See(image, captured_ms) : whole->See(image, captured_ms);
  }
};

Result<Eye> OpenEye(const Models& models, const std::string& pointer, const std::string& objects,
                    int num_threads) {
  Eye eye;
  std::optional<Model> pointing;
  std::optional<Model> naming;
  if (!pointer.empty()) {
    DEIXIS_ASSIGN(const std::string path, models.PathOf(pointer));
    DEIXIS_ASSIGN(pointing, LoadModel(path));
  }
  if (!objects.empty()) {
    DEIXIS_ASSIGN(const std::string path, models.PathOf(objects));
    DEIXIS_ASSIGN(naming, LoadModel(path));
    for (int64_t i = 0; i < NumCategories(*naming); ++i) {
      const bool is_named = i < static_cast<int64_t>(naming->class_names.size());
      eye.labels.push_back(is_named ? naming->class_names[static_cast<size_t>(i)]
                                    : "label " + std::to_string(i));
    }
  }
  if (pointing && naming) {
    LookerOptions options;
    options.num_threads = num_threads;
    DEIXIS_ASSIGN(eye.looker, Looker::Create(*pointing, *naming, options));
    return eye;
  }
  if (!pointing && !naming) {
    return Error{ErrorCode::kBusy, "there is no model to look with",
                 "teach one, or activate one in the list of models"};
  }
  DEIXIS_ASSIGN(eye.whole, WholePicture::Create(pointing ? *pointing : *naming, num_threads));
  return eye;
}

std::string_view StateName(Decision::State state) {
  switch (state) {
    case Decision::State::kNoFinger:
      return "no-finger";
    case Decision::State::kSeeking:
      return "seeking";
    case Decision::State::kLocked:
      return "locked";
    case Decision::State::kSettled:
      return "settled";
  }
  return "";
}

Json FaultName(FrameFault fault) {
  switch (fault) {
    case FrameFault::kNone:
      return nullptr;
    case FrameFault::kTooDark:
      return "too-dark";
    case FrameFault::kTooBlurred:
      return "too-blurred";
    case FrameFault::kTipAtEdge:
      return "tip-at-edge";
  }
  return nullptr;
}

// Pixels count from the centre of the first one, places in a picture from its corner.
Json PlaceJson(const Point& pixel, const Image& image) {
  return {{"x", (pixel.x + 0.5) / static_cast<double>(image.width_px)},
          {"y", (pixel.y + 0.5) / static_cast<double>(image.height_px)}};
}

Json CropJson(const CropBox& crop, const Image& image) {
  if (crop.side_px == 0) return nullptr;
  const auto width = static_cast<double>(image.width_px);
  const auto height = static_cast<double>(image.height_px);
  return {{"x", static_cast<double>(crop.left_px) / width},
          {"y", static_cast<double>(crop.top_px) / height},
          {"width", static_cast<double>(crop.side_px) / width},
          {"height", static_cast<double>(crop.side_px) / height}};
}

}  // namespace

class Live::Watcher {
 public:
  Watcher(CameraHub* camera, EventBus* events, Eye eye, std::optional<Eye> other,
          const LiveChoice& choice)
      : camera_(camera),
        events_(events),
        eye_(std::move(eye)),
        other_(std::move(other)),
        has_pointer_(!choice.pointer.empty()),
        speaks_(choice.speak),
        decision_(DecisionOptions{}) {
    thread_ = std::thread([this] { Watch(); });
  }
  ~Watcher() {
    is_ending_ = true;
    thread_.join();
  }

  void Ask() { asked_ = true; }
  void Speak(bool speaks) { speaks_ = speaks; }
  const std::vector<std::string>& labels() const { return eye_.labels; }
  std::string state() const { return std::string(StateName(state_)); }
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void Watch() {
    uint64_t last = 0;
    while (!is_ending_) {
      const auto latest = camera_->WaitForImage(last, 100);
      std::vector<DecisionEvent> events;
      if (asked_.exchange(false)) decision_.Ask();
      if (latest.frame == nullptr) {
        if (camera_->is_open() && camera_->StatusNow().state == CameraState::kNoSignal) {
          events = decision_.CameraLost(camera_->NowMs());
          Tell(events);
        }
        continue;
      }
      last = latest.id;
      See(latest);
    }
  }

  void See(const CameraHub::LiveFrame& latest) {
    const auto start = Clock::now();
    const Image& image = latest.frame->image;
    Look look = eye_.See(image, latest.frame->captured_ms);
    look.seen.now_ms = camera_->NowMs();
    // Without a finger there is nothing to dwell on: the picture as a whole is named, not said.
    const auto events = has_pointer_ ? decision_.See(look.seen) : std::vector<DecisionEvent>();
    state_ = decision_.state();
    const Json told = Tell(events);
    const double total_ms = MillisecondsSince(start);
    if (!events_->has_readers()) return;
    Json json{{"frame_id", latest.id},
              {"captured_ms", latest.frame->captured_ms},
              {"age_ms", camera_->NowMs() - latest.frame->captured_ms},
              {"presence", has_pointer_ ? Json(look.seen.presence) : Json(nullptr)},
              {"tip", has_pointer_ ? PlaceJson(look.tip_px, image) : Json(nullptr)},
              {"crop", CropJson(look.crop, image)},
              {"fault", FaultName(look.seen.fault)},
              {"probabilities", look.seen.probabilities},
              {"unknown", look.seen.is_rejected()},
              {"state", StateName(state_)},
              {"dwell", decision_.progress()},
              {"events", told},
              {"ms",
               {{"pointer", StageMs(look.pointer_ms)},
                {"objects", StageMs(look.object_ms)},
                {"total", total_ms}}}};
    if (other_) {
      const Look second = other_->See(image, latest.frame->captured_ms);
      json["compare"] = {{"labels", other_->labels},
                         {"probabilities", second.seen.probabilities},
                         {"presence", second.seen.presence},
                         {"tip", has_pointer_ ? PlaceJson(second.tip_px, image) : Json(nullptr)},
                         {"ms", second.pointer_ms + second.object_ms}};
    }
    camera_->Keep(latest);
    if (told.empty()) {
      events_->PublishOfTheMoment("live", json);
    } else {
      // What was said must not be lost with a frame that nobody took in time.
      events_->Publish("live", json);
    }
  }

  Json Tell(const std::vector<DecisionEvent>& events) {
    Json told = Json::array();
    for (const DecisionEvent& event : events) {
      Json json{{"kind", EventName(event.kind)},
                {"label", nullptr},
                {"probability", event.probability},
                {"phrase", PhraseFor(event, eye_.labels)}};
      if (event.label >= 0) json["label"] = eye_.labels[static_cast<size_t>(event.label)];
      told.push_back(std::move(json));
      if (speaks_) Say(event);
    }
    return told;
  }

  void Say(const DecisionEvent& event) {
    if (speaker_ == nullptr && !OpenVoice()) return;
    Sound sound = phrases_.Find(event);
    if (sound.num_frames() > 0) speaker_->Say(std::move(sound));
  }

  bool OpenVoice() {
    auto phrases = Phrasebook::Make(eye_.labels);
    auto speaker = OpenSpeaker("alsa:default");
    if (phrases.ok() && speaker.ok()) {
      phrases_ = std::move(*phrases);
      speaker_ = std::move(*speaker);
      return true;
    }
    const std::lock_guard lock(mutex_);
    problem_ = phrases.ok() ? speaker.error().message : phrases.error().message;
    speaks_ = false;
    return false;
  }

  CameraHub* camera_;
  EventBus* events_;
  Eye eye_;
  std::optional<Eye> other_;
  bool has_pointer_;
  std::atomic<bool> speaks_;
  std::atomic<bool> asked_{false};
  std::atomic<bool> is_ending_{false};
  std::atomic<Decision::State> state_{Decision::State::kNoFinger};
  Decision decision_;
  std::unique_ptr<Speaker> speaker_;
  Phrasebook phrases_;
  mutable std::mutex mutex_;
  std::string problem_;
  std::thread thread_;
};

Status Live::Change(const Json& request) {
  const std::lock_guard one_at_a_time(change_mutex_);
  LiveChoice choice;
  bool is_running = false;
  {
    const std::lock_guard lock(mutex_);
    choice = choice_;
    is_running = watcher_ != nullptr;
  }
  bool changes_models = !is_running;
  const auto take = [&](const char* name, std::string& member, const std::string& otherwise) {
    const auto found = request.find(name);
    if (found == request.end()) {
      if (!is_running) member = otherwise;
      return;
    }
    const std::string wanted = found->is_string() ? found->get<std::string>() : std::string();
    changes_models = changes_models || wanted != member;
    member = wanted;
  };
  take("pointer", choice.pointer, project_->Active("pointer"));
  take("objects", choice.objects, project_->Active("objects"));
  take("compare", choice.compare, "");
  if (const auto speak = request.find("speak"); speak != request.end() && speak->is_boolean()) {
    choice.speak = speak->get<bool>();
  }
  const auto running = request.find("running");
  if (running != request.end() && running->is_boolean() && !running->get<bool>()) {
    Stop();
    return Ok();
  }
  if (changes_models) {
    DEIXIS_ASSIGN(Eye eye, OpenEye(*models_, choice.pointer, choice.objects, num_threads_));
    std::optional<Eye> other;
    if (!choice.compare.empty()) {
      const bool names = !choice.objects.empty();
      DEIXIS_ASSIGN(other, OpenEye(*models_, names ? choice.pointer : choice.compare,
                                   names ? choice.compare : "", num_threads_));
    }
    auto watcher =
        std::make_shared<Watcher>(camera_, events_, std::move(eye), std::move(other), choice);
    std::shared_ptr<Watcher> before;
    {
      const std::lock_guard lock(mutex_);
      before = std::exchange(watcher_, std::move(watcher));
      choice_ = choice;
    }
  } else {
    const std::lock_guard lock(mutex_);
    choice_ = choice;
    watcher_->Speak(choice.speak);
  }
  events_->Publish("live-state", StateJson());
  return Ok();
}

void Live::Stop() {
  std::shared_ptr<Watcher> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(watcher_, nullptr);
  }
  if (before == nullptr) return;
  before.reset();
  events_->Publish("live-state", StateJson());
}

void Live::Ask() {
  const std::lock_guard lock(mutex_);
  if (watcher_ != nullptr) watcher_->Ask();
}

Json Live::StateJson() const {
  const std::lock_guard lock(mutex_);
  const auto named = [](const std::string& id) { return id.empty() ? Json(nullptr) : Json(id); };
  Json json{{"running", watcher_ != nullptr},
            {"pointer", named(choice_.pointer)},
            {"objects", named(choice_.objects)},
            {"compare", named(choice_.compare)},
            {"speak", choice_.speak},
            {"state", "no-finger"},
            {"labels", Json::array()},
            {"error", nullptr}};
  if (watcher_ == nullptr) return json;
  json["state"] = watcher_->state();
  json["labels"] = watcher_->labels();
  if (const std::string problem = watcher_->problem(); !problem.empty()) json["error"] = problem;
  return json;
}

}  // namespace deixis::studio
