// What stands behind a camera: a device that may fail at any time, or pictures that play by
// themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "vision/camera/camera.h"

namespace deixis::camera {

// The steady clock of the machine.
int64_t SteadyNowMs();

// How often a wait looks whether it was cancelled.
inline constexpr int64_t kGlanceMs = 100;
// Pictures of a stream that have piled up are passed over for so long at most.
inline constexpr int64_t kCatchUpMs = 50;

struct SourceFrame {
  int64_t captured_ms = 0;
  Image image = {};
  std::optional<SceneTruth> truth = {};
};

enum class ReadOutcome {
  kFrame,
  kNothing,  // within the time given
  kDamaged,  // a frame came that cannot be decoded; the next may be good
  kEnded,    // nothing will come any more
};

// Used by one thread, which may be another than the one that made it.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // Also after Close() or a failure, any number of times: finds the same device again.
  virtual Status Open() = 0;
  // Waits at most `timeout_ms` for a frame. After an error the source must be closed.
  virtual Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) = 0;
  virtual void Close() = 0;
  // From any thread: an Open() or Read() that waits returns soon, now and from now on.
  virtual void Cancel() {}

  // Of what is open: "/dev/video0", "usb 046d:0825 serial 1A2B", "MJPEG".
  virtual std::string Device() const = 0;
  virtual std::string Identity() const = 0;
  virtual std::string PixelFormat() const = 0;
};

// Pictures that do not fail for being late: made ones, or those of a folder.
class Player {
 public:
  virtual ~Player() = default;

  virtual double fps() const = 0;
  virtual std::string Name() const = 0;
  // Frame `index` of the play, `time_ms` after its start; both only grow. kNothing is not returned.
  virtual Result<ReadOutcome> Play(int64_t index, int64_t time_ms, SourceFrame& frame) = 0;
};

// A player in real time.
std::unique_ptr<FrameSource> PacedSource(std::unique_ptr<Player> player);

// A thread that reads `source` and keeps it alive. With must_open the source has been opened when
// this returns.
Result<std::unique_ptr<Camera>> StartCamera(std::unique_ptr<FrameSource> source,
                                            const CameraOptions& options);

// A player in simulated time, which begins at 0 and moves by one frame with each WaitForFrame().
std::unique_ptr<Camera> SteppedCamera(std::unique_ptr<Player> player);

}  // namespace deixis::camera
