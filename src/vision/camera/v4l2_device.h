// One open V4L2 device: what it can do, and frames from its buffers. Nothing but ioctls; when to
// open and close is decided elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace deixis::camera {

// A way in which a device can give frames.
struct VideoMode {
  uint32_t fourcc = 0;
  int64_t height_px = 0;
  int64_t width_px = 0;
  double fps = 0;  // the greatest; 0 when the driver does not say
};

// "MJPEG", "YUYV", else the four characters.
std::string PixelFormatName(uint32_t fourcc);

struct WantedMode {
  int64_t height_px = 480;
  int64_t width_px = 640;
  double fps = 30;
  std::string pixel_format = "auto";  // "mjpeg", "yuyv"
};

// The mode of `modes` nearest to the wanted one: of its size, as fast as wanted if any is, YUYV
// rather than MJPEG where both are (nothing to decode, no artefacts); among other sizes the one
// nearest in area. None when no mode is of a format that can be read.
std::optional<VideoMode> ChooseMode(const std::vector<VideoMode>& modes, const WantedMode& wanted);

// The time of a frame on the steady clock: the driver's, unless it cannot be true (in the future,
// or older than the buffers can be), then `now_ms`.
int64_t PlausibleCaptureMs(int64_t driver_ms, int64_t now_ms);

class V4l2Device {
 public:
  // kDeviceUnavailable when it is not there, no video device or may not be opened; kInvalidData for
  // a node that streams no pictures: of metadata, radio or output.
  static Result<V4l2Device> Open(const std::string& path);
  V4l2Device(V4l2Device&& other) noexcept;
  V4l2Device& operator=(V4l2Device&&) = delete;
  ~V4l2Device();

  const std::string& card() const { return card_; }      // "HD Webcam C525"
  const std::string& driver() const { return driver_; }  // "uvcvideo"

  // The modes of the formats that can be read here, and of all others with `all`. Sizes that the
  // driver gives as a range are those that cameras usually have.
  std::vector<VideoMode> Modes(bool all = false) const;

  // Sets the mode and starts the stream; mode() then says what the driver made of it. kBusy names
  // who holds the device.
  Status Start(const VideoMode& mode, double fps);
  const VideoMode& mode() const { return mode_; }
  int64_t row_stride_bytes() const { return row_stride_bytes_; }

  struct Buffer {
    std::span<const std::byte> bytes;  // valid until Release()
    int64_t captured_ms = 0;
    bool is_damaged = false;  // says the driver
    uint32_t index = 0;
  };
  // The newest buffer; older ones go back unseen. None within `timeout_ms`. kDeviceUnavailable
  // when the device is gone or failed.
  Result<std::optional<Buffer>> Dequeue(int64_t timeout_ms);
  Status Release(const Buffer& buffer);

 private:
  explicit V4l2Device(int descriptor, std::string path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  int Call(unsigned long request, void* argument) const;
  Error Failure(const std::string& what, int error) const;
  Status SetMode(const VideoMode& mode, double fps);
  Status MapBuffers();
  Result<std::optional<Buffer>> TakeOne();
  void AddModesOf(uint32_t fourcc, std::vector<VideoMode>& modes) const;
  double BestRate(const VideoMode& mode) const;

  int descriptor_ = -1;
  std::string path_;
  std::string card_;
  std::string driver_;
  VideoMode mode_;
  int64_t row_stride_bytes_ = 0;
  bool is_streaming_ = false;
  std::vector<std::span<std::byte>> buffers_;
};

}  // namespace deixis::camera
