#include "vision/camera/v4l2_source.h"

#include <optional>
#include <string>
#include <utility>

#include "vision/camera/v4l2_device.h"
#include "vision/camera/video_nodes.h"
#include "vision/camera/yuyv.h"
#include "vision/codecs.h"

namespace deixis::camera {
namespace {

constexpr std::string_view kStableLinks = "/dev/v4l/";
constexpr std::string_view kAny = "any";

class V4l2Frames final : public FrameSource {
 public:
  V4l2Frames(std::string path, WantedMode wanted)
      : given_path_(std::move(path)), path_(given_path_), wanted_(std::move(wanted)) {}

  Status Open() override {
    Close();
    DEIXIS_RETURN_IF_ERROR(Find());
    DEIXIS_ASSIGN(V4l2Device device, V4l2Device::Open(path_));
    const std::optional<VideoMode> mode = ChooseMode(device.Modes(), wanted_);
    if (!mode) {
      const bool any = wanted_.pixel_format == "auto";
      return Error{ErrorCode::kDeviceUnavailable,
                   path_ + ": " + device.card() + " gives no " +
                       (any ? "YUYV or MJPEG pictures" : wanted_.pixel_format + " pictures"),
                   any ? "choose another camera: `deixis camera list`" : "leave format away"};
    }
    VideoMode wanted = *mode;
    DEIXIS_RETURN_IF_ERROR(device.Start(wanted, wanted_.fps));
    device_.emplace(std::move(device));
    if (const auto node = FindVideoNode(path_)) identity_ = node->identity;
    return Ok();
  }

  Result<ReadOutcome> Read(int64_t timeout_ms, SourceFrame& frame) override {
    DEIXIS_ASSIGN(const std::optional<V4l2Device::Buffer> buffer, device_->Dequeue(timeout_ms));
    if (!buffer) return ReadOutcome::kNothing;
    Result<Image> image =
        buffer->is_damaged ? Result<Image>(InvalidData("says the driver")) : Decode(buffer->bytes);
    DEIXIS_RETURN_IF_ERROR(device_->Release(*buffer));
    if (!image.ok()) return ReadOutcome::kDamaged;
    frame.captured_ms = buffer->captured_ms;
    frame.image = *std::move(image);
    return ReadOutcome::kFrame;
  }

  void Close() override { device_.reset(); }

  std::string Device() const override { return path_; }
  std::string Identity() const override {
    if (given_path_.starts_with(kStableLinks)) return given_path_;
    return identity_ ? identity_->Text() : std::string();
  }
  std::string PixelFormat() const override {
    return device_ ? PixelFormatName(device_->mode().fourcc) : std::string();
  }

 private:
  // The first that gives pictures in a form that is understood.
  Status FindAny() {
    for (const VideoNode& node : ListVideoNodes()) {
      const auto device = V4l2Device::Open(node.path);
      if (!device.ok() || !ChooseMode(device->Modes(), wanted_)) continue;
      path_ = node.path;
      return Ok();
    }
    return Error{ErrorCode::kDeviceUnavailable, "no camera is plugged in",
                 "plug one in; `deixis camera list` shows what there is"};
  }

  // Where the device is now.
  Status Find() {
    if (given_path_ == kAny) return FindAny();
    if (!identity_ || given_path_.starts_with(kStableLinks)) {
      path_ = given_path_;
      return Ok();
    }
    const auto node = FindVideoNode(*identity_);
    if (!node) {
      return Error{ErrorCode::kDeviceUnavailable, path_ + ": unplugged (" + identity_->Text() + ")",
                   "plug the camera in again"};
    }
    path_ = node->path;
    return Ok();
  }

  Result<Image> Decode(std::span<const std::byte> bytes) const {
    const VideoMode& mode = device_->mode();
    if (PixelFormatName(mode.fourcc) == "YUYV") {
      return DecodeYuyv(bytes, {.height_px = mode.height_px,
                                .width_px = mode.width_px,
                                .row_stride_bytes = device_->row_stride_bytes()});
    }
    DEIXIS_ASSIGN(internal::DecodedImage decoded, internal::DecodeJpeg(bytes));
    return std::move(decoded.image);
  }

  std::string given_path_;
  std::string path_;
  WantedMode wanted_;
  std::optional<VideoIdentity> identity_;  // once it has been open
  std::optional<V4l2Device> device_;
};

}  // namespace

Result<std::unique_ptr<FrameSource>> V4l2Source(const CameraUri& uri, ParameterReader& parameters) {
  WantedMode wanted;
  const auto size = parameters.PictureSize("size", {wanted.width_px, wanted.height_px});
  wanted.width_px = size.width_px;
  wanted.height_px = size.height_px;
  wanted.fps = parameters.Number("fps", wanted.fps, {.least = 1, .most = 240});
  wanted.pixel_format = parameters.Choice("format", {"auto", "mjpeg", "yuyv"});
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  return std::unique_ptr<FrameSource>(std::make_unique<V4l2Frames>(uri.place, std::move(wanted)));
}

}  // namespace deixis::camera
