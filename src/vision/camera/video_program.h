// Video that another program decodes: ffmpeg for streams and files, GStreamer for cameras on a
// ribbon cable. It is a child that writes pictures to a pipe, so that its libraries, its licence
// and its crashes stay outside; a stream that stands still is ended with it and started anew.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/result.h"
#include "vision/camera/camera_uri.h"
#include "vision/camera/frame_source.h"
#include "vision/camera/picture_stream.h"

namespace deixis::camera {

struct VideoProgram {
  std::vector<std::string> arguments;          // the program first
  std::string name;                            // of what it plays, for messages; holds no secret
  std::string pixel_format;                    // "FFmpeg", "GStreamer"
  std::string missing_remedy;                  // when there is no such program
  std::optional<PictureExtents> extents = {};  // none: it writes PPM
  // What its messages must not show, and what stands there instead.
  std::vector<std::pair<std::string, std::string>> secrets = {};
};

// rtsp://, rtsps://, https:// and http:// by ffmpeg. kUsage for a parameter that does not fit.
Result<VideoProgram> StreamProgram(const CameraUri& uri, ParameterReader& parameters);
// file://: every frame as fast as it is read, `fps` of them for each second of the video.
VideoProgram FileProgram(const CameraUri& uri, double fps, bool loops);
// csi://: the pipeline that fits the board. Looks which GStreamer elements there are.
Result<VideoProgram> CsiProgram(const CameraUri& uri, ParameterReader& parameters);

// A program that runs and the pictures that have come of it.
class VideoChild {
 public:
  static Result<VideoChild> Start(const VideoProgram& program);

  // The next picture, within that time: kNothing after it, kEnded when the program has ended
  // without complaint. Its complaint as an error: kDeviceUnavailable, kAuthentication for a stream
  // that wants a password, kInvalidData for what is no video.
  Result<ReadOutcome> Next(int64_t timeout_ms, Image& image);

 private:
  VideoChild(const VideoProgram& program, ChildProcess child)
      : program_(program), child_(std::move(child)), pictures_(program.extents) {}
  Result<ReadOutcome> Ended();

  VideoProgram program_;
  ChildProcess child_;
  PictureStream pictures_;
};

// A camera that may fail at any time. Open() returns with the first picture, or after 10 s.
std::unique_ptr<FrameSource> VideoSource(VideoProgram program);

// file://VIDEO as a player. Its first picture has been read when this returns: kNotFound without
// such a file, kInvalidData when it is no video, kDeviceUnavailable without ffmpeg.
Result<std::unique_ptr<Player>> VideoFilePlayer(const CameraUri& uri, ParameterReader& parameters);

}  // namespace deixis::camera
