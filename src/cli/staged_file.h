// A file that is written and looked at before it takes the place of another.
#pragma once

#include <string>

#include "base/result.h"

namespace deixis::cli {

// Write to path(), judge what is there, then Commit(): only then does the file have its name.
// Without Commit() it is removed, also when the program is interrupted.
class StagedFile {
 public:
  explicit StagedFile(std::string final_path);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  // In the same folder, so that the rename is atomic.
  const std::string& path() const { return path_; }

  Status Commit();

 private:
  std::string final_path_;
  std::string path_;
  bool committed_ = false;
};

}  // namespace deixis::cli
