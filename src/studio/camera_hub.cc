#include "studio/camera_hub.h"

#include <algorithm>
#include <chrono>

#include "vision/camera/frame_source.h"
#include "vision/codecs.h"

namespace deixis::studio {
namespace {

constexpr int kJpegQuality = 92;  // as samples are saved
constexpr int64_t kWatchMs = 100;
constexpr int64_t kStatusEveryMs = 1000;

}  // namespace

Json CameraJson(const std::string& uri, const CameraStatus& status) {
  return {{"uri", uri},
          {"state", CameraStateName(status.state)},
          {"reason", status.reason},
          {"device", status.device},
          {"identity", status.identity},
          {"pixel_format", status.pixel_format},
          {"width_px", status.width_px},
          {"height_px", status.height_px},
          {"fps", status.fps},
          {"age_ms", status.age_ms ? Json(*status.age_ms) : Json(nullptr)},
          {"frames", status.frames},
          {"damaged_frames", status.damaged_frames},
          {"reconnections", status.reconnections}};
}

CameraHub::CameraHub(EventBus* events) : events_(events) {
  watcher_ = std::thread([this] { Watch(); });
}

CameraHub::~CameraHub() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  came_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

void CameraHub::AnswerAll() {
  std::list<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    waiting = std::move(waiting_);
    waiting_.clear();
  }
  came_.notify_all();
  for (const Waiting& item : waiting) item.waiter(nullptr);
}

Status CameraHub::Select(const std::string& uri, bool must_be_there) {
  const std::lock_guard one_at_a_time(select_mutex_);
  std::shared_ptr<Camera> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::move(camera_);
    camera_ = nullptr;
    base_id_ = std::max(base_id_, latest_.id);
    latest_ = {.id = base_id_, .frame = nullptr};
    uri_.clear();
  }
  came_.notify_all();
  // The same device can be opened again only once it has been let go; the watcher, or who looks at
  // frames, may still hold it for one frame more.
  while (before != nullptr && before.use_count() > 1) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  before.reset();
  Status status = Ok();
  if (!uri.empty()) {
    auto opened = OpenCamera(uri, {.must_open = must_be_there});
    if (opened.ok()) {
      const std::lock_guard lock(mutex_);
      camera_ = std::move(*opened);
      uri_ = uri;
    } else {
      status = std::move(opened).error();
    }
  }
  came_.notify_all();
  PublishStatus(true);
  return status;
}

bool CameraHub::is_open() const {
  const std::lock_guard lock(mutex_);
  return camera_ != nullptr;
}

CameraStatus CameraHub::StatusNow() const {
  std::shared_ptr<Camera> camera;
  {
    const std::lock_guard lock(mutex_);
    camera = camera_;
  }
  return camera == nullptr ? CameraStatus{} : camera->StatusNow();
}

int64_t CameraHub::NowMs() const {
  std::shared_ptr<Camera> camera;
  {
    const std::lock_guard lock(mutex_);
    camera = camera_;
  }
  return camera == nullptr ? 0 : camera->NowMs();
}

Json CameraHub::StatusJson() const {
  std::shared_ptr<Camera> camera;
  std::string uri;
  {
    const std::lock_guard lock(mutex_);
    camera = camera_;
    uri = uri_;
  }
  if (camera == nullptr) {
    Json json = CameraJson("", {});
    json["state"] = "none";
    return json;
  }
  return CameraJson(uri, camera->StatusNow());
}

void CameraHub::PublishStatus(bool always) {
  const Json status = StatusJson();
  const std::string state = status["state"].get<std::string>() + status["uri"].get<std::string>();
  const int64_t now_ms = camera::SteadyNowMs();
  {
    const std::lock_guard lock(mutex_);
    const bool is_due = camera_ != nullptr && now_ms - published_ms_ >= kStatusEveryMs;
    if (!always && !is_due && state == published_state_) return;
    published_state_ = state;
    published_ms_ = now_ms;
  }
  events_->Publish("camera", status);
}

void CameraHub::Watch() {
  uint64_t last_id = 0;
  const Camera* last_camera = nullptr;
  while (true) {
    std::shared_ptr<Camera> camera;
    {
      std::unique_lock lock(mutex_);
      if (is_ending_) return;
      camera = camera_;
      if (camera == nullptr) {
        came_.wait_for(lock, std::chrono::milliseconds(kWatchMs));
        if (is_ending_) return;
      }
    }
    if (camera != nullptr) {
      if (camera.get() != last_camera) last_id = 0;
      last_camera = camera.get();
      auto frame = camera->WaitForFrame(last_id, kWatchMs);
      if (frame != nullptr) {
        last_id = frame->id;
        const std::lock_guard lock(mutex_);
        if (camera == camera_) latest_ = {.id = base_id_ + frame->id, .frame = std::move(frame)};
      } else if (camera->Latest() == nullptr) {
        // No signal, or the end: what was there is not shown any more.
        std::unique_lock lock(mutex_);
        if (camera == camera_) latest_.frame = nullptr;
        came_.wait_for(lock, std::chrono::milliseconds(kWatchMs));
      }
      camera.reset();
    }
    came_.notify_all();
    Serve();
    PublishStatus(false);
  }
}

std::shared_ptr<const SeenFrame> CameraHub::Encode(uint64_t id, const Frame& frame) {
  auto jpeg = internal::EncodeJpeg(frame.image, kJpegQuality);
  if (!jpeg.ok()) return nullptr;
  auto seen = std::make_shared<SeenFrame>();
  seen->id = id;
  seen->captured_ms = frame.captured_ms;
  seen->height_px = frame.image.height_px;
  seen->width_px = frame.image.width_px;
  seen->jpeg = std::make_shared<const Bytes>(std::move(*jpeg));
  return seen;
}

void CameraHub::Serve() {
  LiveFrame latest;
  bool is_wanted = false;
  const int64_t now_ms = camera::SteadyNowMs();
  std::vector<Waiter> late;
  {
    const std::lock_guard lock(mutex_);
    latest = latest_;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const bool serves = latest.frame != nullptr && latest.id > at->after;
      is_wanted = is_wanted || serves;
      if (!serves && now_ms >= at->deadline_ms) {
        late.push_back(std::move(at->waiter));
        at = waiting_.erase(at);
      } else {
        ++at;
      }
    }
  }
  for (const Waiter& waiter : late) waiter(nullptr);
  if (!is_wanted) return;
  std::shared_ptr<const SeenFrame> seen = Find(latest.id);
  if (seen == nullptr) seen = Encode(latest.id, *latest.frame);
  std::vector<Waiter> served;
  {
    const std::lock_guard lock(mutex_);
    if (seen != nullptr && (sent_.empty() || sent_.back()->id < seen->id)) {
      sent_.push_back(seen);
      if (sent_.size() > kKeptFrames) sent_.pop_front();
    }
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      if (latest.id > at->after) {
        served.push_back(std::move(at->waiter));
        at = waiting_.erase(at);
      } else {
        ++at;
      }
    }
  }
  for (const Waiter& waiter : served) waiter(seen);
}

void CameraHub::WaitForFrame(uint64_t after, int64_t wait_ms, Waiter waiter) {
  std::shared_ptr<const SeenFrame> seen;
  bool is_ending = false;
  {
    const std::lock_guard lock(mutex_);
    // The latest has been sent to somebody already: no reason to wait for the watcher.
    if (!sent_.empty() && sent_.back()->id == latest_.id && latest_.frame != nullptr &&
        latest_.id > after) {
      seen = sent_.back();
    }
    is_ending = is_ending_;
    if (seen == nullptr && !is_ending) {
      waiting_.push_back({after, camera::SteadyNowMs() + wait_ms, std::move(waiter)});
      return;
    }
  }
  waiter(seen);
}

std::shared_ptr<const SeenFrame> CameraHub::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  for (const auto* kept : {&sent_, &pins_}) {
    for (const auto& frame : *kept) {
      if (frame->id == id) return frame;
    }
  }
  return nullptr;
}

bool CameraHub::Pin(uint64_t id) {
  const auto frame = Find(id);
  if (frame == nullptr) return false;
  const std::lock_guard lock(mutex_);
  std::erase_if(pins_, [&](const auto& pin) { return pin->id == id; });
  pins_.push_back(frame);
  if (pins_.size() > kMaxPins) pins_.pop_front();
  return true;
}

void CameraHub::Unpin(uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(pins_, [&](const auto& pin) { return pin->id == id; });
}

void CameraHub::Keep(const LiveFrame& looked_at) {
  if (Find(looked_at.id) != nullptr) return;
  auto seen = Encode(looked_at.id, *looked_at.frame);
  if (seen == nullptr) return;
  const std::lock_guard lock(mutex_);
  // In order of their ids: the last is what the next viewer may be given at once.
  auto at = sent_.end();
  while (at != sent_.begin() && (*std::prev(at))->id > seen->id) --at;
  if (at != sent_.begin() && (*std::prev(at))->id == seen->id) return;
  sent_.insert(at, std::move(seen));
  if (sent_.size() > kKeptFrames) sent_.pop_front();
}

CameraHub::LiveFrame CameraHub::WaitForImage(uint64_t after, int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                 [&] { return is_ending_ || (latest_.frame != nullptr && latest_.id > after); });
  if (latest_.frame == nullptr || latest_.id <= after) return {};
  return latest_;
}

}  // namespace deixis::studio
