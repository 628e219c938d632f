// The one camera that all pages look at: whoever wants the next frame says which one it saw last
// and gets the latest newer one, so nobody queues and a viewer who stalls costs nothing. A frame is
// encoded once, and only if somebody wants it.
//
// What was sent is kept for a while: a sample is saved of exactly the frame that somebody saw.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "studio/event_bus.h"
#include "studio/http/message.h"
#include "vision/camera/camera.h"

namespace deixis::studio {

// A frame as it was sent.
struct SeenFrame {
  uint64_t id = 0;  // of the hub: grows over the server's whole life
  int64_t captured_ms = 0;
  int64_t height_px = 0;
  int64_t width_px = 0;
  std::shared_ptr<const Bytes> jpeg;
};

Json CameraJson(const std::string& uri, const CameraStatus& status);

// Safe from any thread.
class CameraHub {
 public:
  static constexpr size_t kKeptFrames = 64;
  static constexpr size_t kMaxPins = 16;

  // Publishes "camera" events. `events` must outlive it.
  explicit CameraHub(EventBus* events);
  ~CameraHub();
  CameraHub(const CameraHub&) = delete;
  CameraHub& operator=(const CameraHub&) = delete;

  // Lets the camera before go, and opens `uri`; an empty one opens none. Without `must_be_there` a
  // device that is not there now is waited for.
  Status Select(const std::string& uri, bool must_be_there);
  Json StatusJson() const;
  bool is_open() const;

  // Called once with the latest frame newer than `after`, or with null when none has come within
  // `wait_ms`, or the camera ends.
  using Waiter = std::function<void(std::shared_ptr<const SeenFrame>)>;
  void WaitForFrame(uint64_t after, int64_t wait_ms, Waiter waiter);
  // Answers those who wait, with null, and from now on everybody at once.
  void AnswerAll();
  // One that was sent and is still kept; else null.
  std::shared_ptr<const SeenFrame> Find(uint64_t id) const;
  bool Pin(uint64_t id);
  void Unpin(uint64_t id);

  // The frame itself as it came from the camera, with the id of the hub, for who looks at it
  // instead of showing it. Null when none has come within `timeout_ms`.
  struct LiveFrame {
    uint64_t id = 0;
    std::shared_ptr<const Frame> frame;
  };
  LiveFrame WaitForImage(uint64_t after, int64_t timeout_ms);
  // Keeps a frame that was looked at as if it had been sent: who draws over it can have it.
  void Keep(const LiveFrame& looked_at);
  // The camera's clock now; 0 without a camera.
  int64_t NowMs() const;
  CameraStatus StatusNow() const;

 private:
  struct Waiting {
    uint64_t after;
    int64_t deadline_ms;  // of the steady clock
    Waiter waiter;
  };
  void Watch();
  void Take(std::shared_ptr<const Frame> frame);
  std::shared_ptr<const SeenFrame> Encode(uint64_t id, const Frame& frame);
  void Serve();
  void PublishStatus(bool always);

  EventBus* events_;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::shared_ptr<Camera> camera_;
  std::string uri_;
  uint64_t base_id_ = 0;  // id of the hub = base_id_ + the camera's
  LiveFrame latest_;
  std::list<Waiting> waiting_;
  std::deque<std::shared_ptr<const SeenFrame>> sent_;
  std::deque<std::shared_ptr<const SeenFrame>> pins_;
  std::string published_state_;
  int64_t published_ms_ = 0;
  bool is_ending_ = false;
  std::mutex select_mutex_;  // one change of the camera at a time
  std::thread watcher_;
};

}  // namespace deixis::studio
