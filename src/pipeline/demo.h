// The whole loop on what the project ships, with no hardware: lessons are drawn, a pointer and an
// object model are taught on the shipped backbone, compressed, written, loaded again and judged on
// pictures of other seeds; then both look at a new scene, and what they see is spoken.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/model.h"

namespace deixis {

struct DemoOptions {
  std::string backbone_path;           // empty: the shipped one
  std::string folder = "deixis-demo";  // made where it is missing; takes everything that is written
  std::vector<int> centroids = {8};
  int64_t pointing_lessons = 240;  // frames, about a third of them without a finger
  int64_t object_lessons = 840;    // crops
  int64_t tests = 84;              // of each
  int64_t calibration_pictures = 48;
  int num_threads = 1;
  // What is being done, and how much of all is done (0..1); false stops with kInterrupted.
  std::function<bool(const std::string& stage, double done)> progress;

  Status Validate() const;
};

// A model as it was taught, or compressed.
struct DemoRow {
  int centroids = 0;  // 0: as taught
  std::string path;
  int64_t file_bytes = 0;
  double ratio = 0;  // fp32 bytes of the network's parameters / file_bytes
  double score = 0;  // of the file, loaded again: top-1 in 0..1, or the mean error in pixels
};

struct DemoModel {
  Task task = Task::kClassify;
  int64_t lessons = 0;          // pictures it was taught with
  int64_t tests = 0;            // pictures it was judged on
  int64_t parameter_bytes = 0;  // fp32
  std::vector<DemoRow> rows;    // the first is the model as taught
};

struct DemoResult {
  std::string backbone_path;
  DemoModel pointer;
  DemoModel objects;
  std::vector<std::string> class_names;  // of the objects
  std::string report_path;               // the page of plots
  std::string picture_path;              // the frame that was shown
  std::string shown;                     // what lies at the finger
  double tip_error_px = 0;               // of the 640x480 frame
  std::string seen;                      // what the models say
  double probability = 0;
  std::string sound_path;
  Status voice;  // why sound_path was not written, or Ok
};

// Errors of every step; the rows are not judged. A missing voice is no failure of the demo: it is
// in `voice`.
Result<DemoResult> RunDemo(const DemoOptions& options);

}  // namespace deixis
