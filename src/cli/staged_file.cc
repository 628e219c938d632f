#include "cli/staged_file.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "cli/interrupt.h"

namespace deixis::cli {

// The name is the one that an interrupt removes (interrupt.h), and so is that of the temporary file
// through which it is written itself.
StagedFile::StagedFile(std::string final_path)
    : final_path_(std::move(final_path)), path_(final_path_ + ".tmp-" + std::to_string(getpid())) {
  DeclareOutput(final_path_);
  DeclareOutput(path_);
}

StagedFile::~StagedFile() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(path_, ignored);
}

Status StagedFile::Commit() {
  std::error_code error;
  std::filesystem::rename(path_, final_path_, error);
  if (error) {
    return ResourceError(final_path_ + ": cannot be replaced: " + error.message(),
                         "check the permissions of the folder");
  }
  committed_ = true;
  return Ok();
}

}  // namespace deixis::cli
