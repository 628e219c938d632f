// A model through a file and back: bytes and scores are then those of what a user deploys, not of
// what was in memory.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/tensor_file.h"
#include "network/model.h"

namespace deixis {

struct WrittenModel {
  Model model;  // as loaded from the file; it stays usable when the file is removed
  int64_t file_bytes = 0;
};

// Writes `file` (as ModelToTensors or ToArchiveForm give it) to `path`, atomically, and loads it
// from there. Errors of writing and of loading.
Result<WrittenModel> WriteAndReload(const std::string& path, const TensorFile& file);

}  // namespace deixis
