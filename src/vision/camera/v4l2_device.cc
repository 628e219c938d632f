#include "vision/camera/v4l2_device.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <system_error>
#include <utility>

#include "vision/camera/device_holders.h"
#include "vision/camera/frame_source.h"

namespace deixis::camera {
namespace {

constexpr uint32_t kCapture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
// Enough that one can be decoded while others fill; few, since old ones are of no use.
constexpr uint32_t kNumBuffers = 4;
constexpr int64_t kOldestFrameMs = 5000;

bool IsReadable(uint32_t fourcc) {
  return fourcc == V4L2_PIX_FMT_YUYV || fourcc == V4L2_PIX_FMT_MJPEG || fourcc == V4L2_PIX_FMT_JPEG;
}

std::string Words(int error) { return std::generic_category().message(error); }

template <size_t kSize>
std::string TextOf(const __u8 (&text)[kSize]) {
  return std::string(reinterpret_cast<const char*>(text),
                     strnlen(reinterpret_cast<const char*>(text), kSize));
}

// What a driver writes into a struct is zero where it says nothing.
template <typename Struct>
Struct Zeroed() {
  Struct value;
  std::memset(&value, 0, sizeof(value));
  return value;
}

}  // namespace

std::string PixelFormatName(uint32_t fourcc) {
  if (fourcc == V4L2_PIX_FMT_MJPEG || fourcc == V4L2_PIX_FMT_JPEG) return "MJPEG";
  std::string name;
  for (int shift = 0; shift < 32; shift += 8) {
    const auto character = static_cast<char>(fourcc >> shift & 0x7F);
    if (character > ' ') name += character;
  }
  return name;
}

std::optional<VideoMode> ChooseMode(const std::vector<VideoMode>& modes, const WantedMode& wanted) {
  const auto wanted_area = static_cast<double>(wanted.height_px * wanted.width_px);
  const auto is_yuyv = [](const VideoMode& mode) { return mode.fourcc == V4L2_PIX_FMT_YUYV; };
  // Smaller is better, the first difference decides.
  const auto badness = [&](const VideoMode& mode) {
    const bool same = mode.height_px == wanted.height_px && mode.width_px == wanted.width_px;
    const double area = static_cast<double>(mode.height_px * mode.width_px);
    const double off = same ? -1 : std::abs(std::log(area / wanted_area));
    // A rate that is not told is taken for the wanted one.
    const double slow = mode.fps == 0 ? 0 : std::max(0.0, wanted.fps * 0.95 - mode.fps);
    return std::array{off, slow, is_yuyv(mode) ? 0.0 : 1.0};
  };
  std::optional<VideoMode> best;
  for (const VideoMode& mode : modes) {
    if (!IsReadable(mode.fourcc)) continue;
    if (wanted.pixel_format == "yuyv" && !is_yuyv(mode)) continue;
    if (wanted.pixel_format == "mjpeg" && is_yuyv(mode)) continue;
    if (!best || badness(mode) < badness(*best)) best = mode;
  }
  return best;
}

int64_t PlausibleCaptureMs(int64_t driver_ms, int64_t now_ms) {
  const bool plausible = driver_ms <= now_ms && driver_ms > now_ms - kOldestFrameMs;
  return plausible ? driver_ms : now_ms;
}

V4l2Device::V4l2Device(V4l2Device&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      card_(std::move(other.card_)),
      driver_(std::move(other.driver_)),
      mode_(other.mode_),
      row_stride_bytes_(other.row_stride_bytes_),
      is_streaming_(std::exchange(other.is_streaming_, false)),
      buffers_(std::exchange(other.buffers_, {})) {}

V4l2Device::~V4l2Device() {
  if (is_streaming_) {
    int type = kCapture;
    (void)Call(VIDIOC_STREAMOFF, &type);
  }
  for (const auto& buffer : buffers_) munmap(buffer.data(), buffer.size());
  if (descriptor_ >= 0) close(descriptor_);
}

int V4l2Device::Call(unsigned long request, void* argument) const {
  int result = 0;
  do {
    result = ioctl(descriptor_, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

Error V4l2Device::Failure(const std::string& what, int error) const {
  if (error == EBUSY) {
    return {ErrorCode::kBusy, path_ + ": in use by " + HoldersText(HoldersOf(path_)),
            "end that program, or choose another camera: `deixis camera list`"};
  }
  if (error == ENODEV || error == ENXIO) {
    return {ErrorCode::kDeviceUnavailable, path_ + ": unplugged", "plug the camera in again"};
  }
  return {ErrorCode::kDeviceUnavailable, path_ + ": " + what + ": " + Words(error),
          "unplug the camera and plug it in again"};
}

Result<V4l2Device> V4l2Device::Open(const std::string& path) {
  // Not blocking: no call may wait for a device that is silent.
  const int descriptor = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENODEV || error == ENXIO) {
      return Error{ErrorCode::kDeviceUnavailable, path + ": there is no such device",
                   "plug the camera in; `deixis camera list` shows those there are"};
    }
    if (error == EACCES || error == EPERM) {
      return Error{ErrorCode::kDeviceUnavailable, path + ": may not be opened",
                   "add yourself to the group video and log in again"};
    }
    if (error == EBUSY) return V4l2Device(-1, path).Failure("opening", error);
    return Error{ErrorCode::kDeviceUnavailable, path + ": cannot be opened: " + Words(error), ""};
  }
  V4l2Device device(descriptor, path);
  auto capability = Zeroed<v4l2_capability>();
  if (device.Call(VIDIOC_QUERYCAP, &capability) < 0) {
    const int error = errno;
    if (error == ENODEV || error == EBUSY) return device.Failure("asking what it is", error);
    return Error{ErrorCode::kDeviceUnavailable, path + ": is no video device",
                 "`deixis camera list` shows those there are"};
  }
  const uint32_t can = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0
                           ? capability.device_caps
                           : capability.capabilities;
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0 || (can & V4L2_CAP_STREAMING) == 0) {
    return InvalidData(
        path + ": " + TextOf(capability.card) + " streams no pictures from this node",
        "`deixis camera list` shows the nodes that do");
  }
  device.card_ = TextOf(capability.card);
  device.driver_ = TextOf(capability.driver);
  return device;
}

double V4l2Device::BestRate(const VideoMode& mode) const {
  double best = 0;
  for (uint32_t i = 0;; ++i) {
    auto interval = Zeroed<v4l2_frmivalenum>();
    interval.index = i;
    interval.pixel_format = mode.fourcc;
    interval.width = static_cast<uint32_t>(mode.width_px);
    interval.height = static_cast<uint32_t>(mode.height_px);
    if (Call(VIDIOC_ENUM_FRAMEINTERVALS, &interval) < 0) return best;
    const bool is_discrete = interval.type == V4L2_FRMIVAL_TYPE_DISCRETE;
    const v4l2_fract least = is_discrete ? interval.discrete : interval.stepwise.min;
    if (least.numerator > 0) {
      best = std::max(best, static_cast<double>(least.denominator) / least.numerator);
    }
    if (!is_discrete) return best;
  }
}

void V4l2Device::AddModesOf(uint32_t fourcc, std::vector<VideoMode>& modes) const {
  constexpr std::pair<int64_t, int64_t> kUsual[] = {{320, 240},   {640, 360},  {640, 480},
                                                    {800, 600},   {1280, 720}, {1280, 960},
                                                    {1600, 1200}, {1920, 1080}};
  const auto add = [&](int64_t width_px, int64_t height_px) {
    VideoMode mode{.fourcc = fourcc, .height_px = height_px, .width_px = width_px};
    mode.fps = BestRate(mode);
    modes.push_back(mode);
  };
  for (uint32_t i = 0;; ++i) {
    auto size = Zeroed<v4l2_frmsizeenum>();
    size.index = i;
    size.pixel_format = fourcc;
    if (Call(VIDIOC_ENUM_FRAMESIZES, &size) < 0) return;
    if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
      add(size.discrete.width, size.discrete.height);
      continue;
    }
    const auto& range = size.stepwise;
    const auto fits = [](int64_t side, uint32_t least, uint32_t most, uint32_t step) {
      return side >= least && side <= most && (step == 0 || (side - least) % step == 0);
    };
    for (const auto& [width_px, height_px] : kUsual) {
      if (fits(width_px, range.min_width, range.max_width, range.step_width) &&
          fits(height_px, range.min_height, range.max_height, range.step_height)) {
        add(width_px, height_px);
      }
    }
    return;
  }
}

std::vector<VideoMode> V4l2Device::Modes(bool all) const {
  std::vector<VideoMode> modes;
  for (uint32_t i = 0;; ++i) {
    auto format = Zeroed<v4l2_fmtdesc>();
    format.index = i;
    format.type = kCapture;
    if (Call(VIDIOC_ENUM_FMT, &format) < 0) break;
    if (!all && !IsReadable(format.pixelformat)) continue;
    const size_t before = modes.size();
    AddModesOf(format.pixelformat, modes);
    // A driver that lists no sizes is asked for the wanted one and answers with its own.
    if (modes.size() == before) {
      modes.push_back({.fourcc = format.pixelformat, .height_px = 480, .width_px = 640, .fps = 0});
    }
  }
  return modes;
}

Status V4l2Device::SetMode(const VideoMode& mode, double fps) {
  auto format = Zeroed<v4l2_format>();
  format.type = kCapture;
  format.fmt.pix.width = static_cast<uint32_t>(mode.width_px);
  format.fmt.pix.height = static_cast<uint32_t>(mode.height_px);
  format.fmt.pix.pixelformat = mode.fourcc;
  format.fmt.pix.field = V4L2_FIELD_NONE;
  if (Call(VIDIOC_S_FMT, &format) < 0) return Failure("setting the picture format", errno);
  const v4l2_pix_format& pixels = format.fmt.pix;
  if (pixels.pixelformat != mode.fourcc) {
    return Error{ErrorCode::kDeviceUnavailable,
                 path_ + ": expected " + PixelFormatName(mode.fourcc) + ", the driver gives " +
                     PixelFormatName(pixels.pixelformat),
                 "choose the other format: ?format=mjpeg or ?format=yuyv"};
  }
  mode_ = {.fourcc = pixels.pixelformat, .height_px = pixels.height, .width_px = pixels.width};
  row_stride_bytes_ = std::max<int64_t>(pixels.bytesperline, 2 * mode_.width_px);
  auto rate = Zeroed<v4l2_streamparm>();
  rate.type = kCapture;
  rate.parm.capture.timeperframe = {1000, static_cast<uint32_t>(std::lround(1000 * fps))};
  // Some drivers have one rate and take no other.
  if (Call(VIDIOC_S_PARM, &rate) == 0 && rate.parm.capture.timeperframe.numerator > 0) {
    mode_.fps = static_cast<double>(rate.parm.capture.timeperframe.denominator) /
                rate.parm.capture.timeperframe.numerator;
  }
  return Ok();
}

Status V4l2Device::MapBuffers() {
  auto request = Zeroed<v4l2_requestbuffers>();
  request.count = kNumBuffers;
  request.type = kCapture;
  request.memory = V4L2_MEMORY_MMAP;
  if (Call(VIDIOC_REQBUFS, &request) < 0) return Failure("asking for buffers", errno);
  for (uint32_t i = 0; i < request.count; ++i) {
    auto buffer = Zeroed<v4l2_buffer>();
    buffer.index = i;
    buffer.type = kCapture;
    buffer.memory = V4L2_MEMORY_MMAP;
    if (Call(VIDIOC_QUERYBUF, &buffer) < 0) return Failure("asking for a buffer", errno);
    void* memory = mmap(nullptr, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_,
                        buffer.m.offset);
    if (memory == MAP_FAILED) return Failure("mapping a buffer", errno);
    buffers_.emplace_back(static_cast<std::byte*>(memory), buffer.length);
    if (Call(VIDIOC_QBUF, &buffer) < 0) return Failure("queueing a buffer", errno);
  }
  return Ok();
}

Status V4l2Device::Start(const VideoMode& mode, double fps) {
  DEIXIS_RETURN_IF_ERROR(SetMode(mode, fps));
  DEIXIS_RETURN_IF_ERROR(MapBuffers());
  int type = kCapture;
  if (Call(VIDIOC_STREAMON, &type) < 0) return Failure("starting the stream", errno);
  is_streaming_ = true;
  return Ok();
}

Result<std::optional<V4l2Device::Buffer>> V4l2Device::TakeOne() {
  auto buffer = Zeroed<v4l2_buffer>();
  buffer.type = kCapture;
  buffer.memory = V4L2_MEMORY_MMAP;
  if (Call(VIDIOC_DQBUF, &buffer) < 0) {
    if (errno == EAGAIN) return std::optional<Buffer>();
    return Failure("taking a frame", errno);
  }
  if (buffer.index >= buffers_.size()) {
    return InternalError(path_ + ": the driver names buffer " + std::to_string(buffer.index) +
                         " of " + std::to_string(buffers_.size()));
  }
  const std::span<const std::byte> memory = buffers_[buffer.index];
  const int64_t now_ms = SteadyNowMs();
  int64_t captured_ms = now_ms;
  if ((buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) {
    captured_ms = PlausibleCaptureMs(
        int64_t{buffer.timestamp.tv_sec} * 1000 + buffer.timestamp.tv_usec / 1000, now_ms);
  }
  return std::optional<Buffer>(
      Buffer{.bytes = memory.first(std::min<size_t>(buffer.bytesused, memory.size())),
             .captured_ms = captured_ms,
             .is_damaged = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0,
             .index = buffer.index});
}

Result<std::optional<V4l2Device::Buffer>> V4l2Device::Dequeue(int64_t timeout_ms) {
  pollfd waited{.fd = descriptor_, .events = POLLIN, .revents = 0};
  const int ready = poll(&waited, 1, static_cast<int>(timeout_ms));
  if (ready < 0 && errno != EINTR) return Failure("waiting for a frame", errno);
  if (ready <= 0) return std::optional<Buffer>();
  // Also after POLLERR: taking a buffer then says what is wrong.
  DEIXIS_ASSIGN(std::optional<Buffer> newest, TakeOne());
  if (!newest && (waited.revents & (POLLERR | POLLHUP)) != 0) {
    return Failure("waiting for a frame", EIO);
  }
  while (newest) {
    DEIXIS_ASSIGN(const std::optional<Buffer> newer, TakeOne());
    if (!newer) break;
    DEIXIS_RETURN_IF_ERROR(Release(*newest));
    newest = newer;
  }
  return newest;
}

Status V4l2Device::Release(const Buffer& buffer) {
  auto queued = Zeroed<v4l2_buffer>();
  queued.index = buffer.index;
  queued.type = kCapture;
  queued.memory = V4L2_MEMORY_MMAP;
  if (Call(VIDIOC_QBUF, &queued) < 0) return Failure("returning a buffer", errno);
  return Ok();
}

}  // namespace deixis::camera
