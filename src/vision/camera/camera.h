// A camera: whatever gives pictures one after the other. The latest frame wins; nobody waits for an
// old one.
//
// A thread owns the device. It watches that frames keep coming, closes a device that has failed or
// fallen silent, and opens it again when it is back, so that a camera that was opened once needs no
// more care: it runs, or says in words why there is no signal.
//
//   v4l2:///dev/v4l/by-id/NAME, /dev/video0    a camera of this machine
//   csi://0                                    one on a ribbon cable, through GStreamer
//   http://HOST/stream.mjpg, rtsp://HOST/live  one on the network
//   file://video.mp4                           a video, through ffmpeg
//   folder://DIR                               pictures in the order of their names
//   scene://seed=1                             a made session in which a finger points at things
//   replay://FOLDER                            a recorded session
//
// docs/cameras.md has the parameters of each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "vision/image.h"

namespace deixis {

enum class PointingPhase { kAbsent, kApproaching, kDwelling, kLeaving };

// What a frame of scene:// shows. Pixels as in vision/scene/scene.h: (0, 0) is the left top corner
// of the left top pixel.
struct SceneTruth {
  int64_t episode = 0;                           // grows by one with each new table
  int label = -1;                                // of the thing that is pointed at or could be
  PointingPhase phase = PointingPhase::kAbsent;  // only kDwelling points at the thing
  bool has_fingertip = false;                    // it is inside the picture
  double fingertip_x_px = 0;                     // only with has_fingertip
  double fingertip_y_px = 0;                     //
  double knuckle_x_px = 0;                       // behind it, perhaps outside; likewise
  double knuckle_y_px = 0;                       //
  double direction_x = 0;                        // unit vector along the finger, to its tip
  double direction_y = -1;                       //
};

struct Frame {
  uint64_t id = 0;  // from 1; grows with every frame of this camera, also over a reconnection
  int64_t captured_ms = 0;  // on the camera's clock
  Image image;
  std::optional<SceneTruth> truth = {};  // scene:// only
  bool asked = false;                    // replay:// only: the wearer had asked before it came
};

enum class CameraState {
  kStarting,  // opened a moment ago, no frame yet
  kRunning,
  kNoSignal,  // unplugged, silent or failing; it is being opened again and again
  kEnded,     // a folder without loop has shown its last picture
};

// "starting", "running", "no signal", "ended".
std::string_view CameraStateName(CameraState state);

struct CameraStatus {
  CameraState state = CameraState::kStarting;
  std::string reason = {};        // why, for kNoSignal
  std::string device = {};        // what is open now or was last: "/dev/video2"
  std::string identity = {};      // by which it is found again, if it has one
  std::string pixel_format = {};  // as the device gives it: "MJPEG", "YUYV", "RGB"
  int64_t height_px = 0;          // of the latest frame
  int64_t width_px = 0;
  double fps = 0;                      // measured over the latest frames; 0 until there are two
  std::optional<int64_t> age_ms = {};  // of the latest frame, from its capture to now
  int64_t frames = 0;                  // good ones since the camera was opened
  int64_t damaged_frames = 0;          // that could not be decoded and were passed over
  int64_t reconnections = 0;
};

// Safe from any thread.
class Camera {
 public:
  virtual ~Camera() = default;

  // The latest frame; none before the first, without signal and after the end. It is never changed
  // again and may be kept for as long as it is wanted. Its age is NowMs() - captured_ms.
  virtual std::shared_ptr<const Frame> Latest() = 0;

  // The latest frame as soon as its id is greater than `after_id`; none when `timeout_ms` have
  // passed without one, and at once after the end. With clock=simulated each call makes the next
  // frame and moves the clock on to it; nothing waits.
  virtual std::shared_ptr<const Frame> WaitForFrame(uint64_t after_id, int64_t timeout_ms) = 0;

  // The camera's clock: the steady clock of the machine (CLOCK_MONOTONIC), or simulated time.
  virtual int64_t NowMs() const = 0;

  virtual CameraStatus StatusNow() const = 0;
};

struct CameraOptions {
  // A device that cannot be opened at first is an error; without it the camera starts without
  // signal and keeps trying, as one that was unplugged.
  bool must_open = true;
};

// kUsage for a URI that does not fit, kNotFound for a folder or file that is not there, and with
// must_open kDeviceUnavailable for a device that is not there or fails, kBusy for one that others
// hold (the message says who), kInvalidData for a device that gives something else than pictures,
// kAuthentication for a camera on the network that wants a password.
Result<std::unique_ptr<Camera>> OpenCamera(const std::string& uri,
                                           const CameraOptions& options = {});

}  // namespace deixis
