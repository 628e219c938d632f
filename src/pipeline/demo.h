// The whole loop on what the project ships, with no hardware: pictures are made, the shipped
// network is judged on them, compressed, written, loaded again and judged again; a new picture is
// shown to the first of the compressed models, and what it sees is spoken.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace deixis {

struct DemoOptions {
  std::string model_path;              // empty: FindDemoModel()
  std::string folder = "deixis-demo";  // made where it is missing; takes everything that is written
  std::vector<int> centroids = {16, 8, 4};
  int64_t test_pictures = 480;
  int64_t calibration_pictures = 240;
  int num_threads = 1;
  // What is being done, and how much of all is done (0..1); false stops with kInterrupted.
  std::function<bool(const std::string& stage, double done)> progress;

  Status Validate() const;
};

struct DemoRow {
  int centroids = 0;
  std::string path;  // of the compressed model
  int64_t file_bytes = 0;
  double ratio = 0;  // fp32 bytes of the network's parameters / file_bytes
  double top1 = 0;   // of the file, loaded again; 0..1
};

struct DemoResult {
  std::string model_path;
  std::string architecture;
  std::vector<std::string> class_names;
  int64_t parameter_bytes = 0;  // fp32
  int64_t test_pictures = 0;
  double top1 = 0;  // of the network as shipped
  std::vector<DemoRow> rows;
  std::string report_path;    // the page of plots
  std::string picture_path;   // the picture that was shown
  std::string shown;          // what it shows
  std::string recognised_by;  // the model that was asked
  std::string seen;           // what the model says
  double probability = 0;
  std::string sound_path;
  Status voice;  // why sound_path was not written, or Ok
};

// The network that the project ships: beside the program's build, or where it is installed.
// kNotFound with the places that were looked at.
Result<std::string> FindDemoModel();

// Errors of every step; the rows are not judged. A missing voice is no failure of the demo: it is
// in `voice`.
Result<DemoResult> RunDemo(const DemoOptions& options);

}  // namespace deixis
