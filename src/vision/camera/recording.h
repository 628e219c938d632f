// A recorded session: a folder with every frame as it was looked at, and when.
//
//   frames.csv      a line for each step that the decision was told of, in their order
//   00000001.png    the frame of the first line that has one, bit for bit
//
// Columns of frames.csv: `file` (empty: the camera had no signal), `id` and `captured_ms` of the
// frame, `seen_ms` (the camera's clock when the decision was told), `asked` (1: the wearer had
// asked), and for a made session what the frame shows (SceneTruth), empty otherwise.
//
// A picture has its name only when it is whole, and its line comes after it: a program that is
// killed leaves a recording that ends earlier.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"
#include "vision/camera/camera.h"

namespace deixis {

// Used by one thread.
class RecordingWriter {
 public:
  // In `folder`, which is made; kUsage when something is in it. kNotFound without the folder around
  // it, kResources when it cannot be written to.
  static Result<RecordingWriter> Create(const std::string& folder);

  // After an error nothing more may be added.
  Status AddFrame(const Frame& frame, int64_t seen_ms, bool asked);
  Status AddNoSignal(int64_t seen_ms);

  int64_t num_frames() const { return num_frames_; }
  int64_t num_bytes() const { return num_bytes_; }

 private:
  RecordingWriter(std::string folder, Descriptor table)
      : folder_(std::move(folder)), table_(std::move(table)) {}
  Status AddLine(const std::string& line);

  std::string folder_;
  Descriptor table_;
  int64_t num_frames_ = 0;
  int64_t num_bytes_ = 0;
};

struct RecordedStep {
  std::string path;  // of the picture; empty: the camera had no signal
  uint64_t id = 0;
  int64_t captured_ms = 0;
  int64_t seen_ms = 0;
  bool asked = false;
  std::optional<SceneTruth> truth = {};
};

// A last line that was cut off, and last lines whose pictures are missing or empty (a power cut),
// are left out. kNotFound when `folder` holds no recording, kInvalidData with the line for one that
// is damaged otherwise.
Result<std::vector<RecordedStep>> ReadRecording(const std::string& folder);

}  // namespace deixis
