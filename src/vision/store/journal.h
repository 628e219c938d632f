// Changes of several files that happen whole or not at all, whenever the process is killed.
//
// What is going to happen is first written down in a plan; from then on it happens, now or when the
// folder is next looked after. A reader that knows nothing of this finds, at every moment, tables
// whose files are all there: a file that moves has both names while the tables are replaced.
//
//   FOLDER/.deixis/next/        new texts, and the plan
//   FOLDER/.deixis/incoming/    new files, until the plan moves them
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace deixis::internal {

// Of a dataset's bookkeeping, in its folder.
inline constexpr std::string_view kHiddenFolder = ".deixis";

inline std::string Hidden(std::string_view name) {
  return std::string(kHiddenFolder) + "/" + std::string(name);
}

// Paths are relative to the folder. Steps happen in the order of the members.
struct FileChanges {
  std::vector<std::string> new_folders;
  std::vector<std::pair<std::string, std::string>> moves;  // from, to; `to` must be free
  std::vector<std::pair<std::string, std::string>> texts;  // path, what the whole file says
  std::vector<std::string> removed_files;
  std::vector<std::string> removed_folders;  // those that are empty by then
};

// Callers hold the folder's lock.
class Journal {
 public:
  // `folder` exists. Makes the hidden folders. kResources when that cannot be.
  static Result<Journal> Open(const std::string& folder);

  // Finishes what a killed process wrote down, forgets what it did not. Call it first.
  Status Recover();

  // A new file for `moves`; gives its path. Removed by Recover() unless a change takes it.
  Result<std::string> Stage(std::span<const std::byte> bytes, const std::string& name);

  // After an error from before the point of no return, nothing has happened. After one from beyond
  // it (a broken disk), Recover() goes on.
  Status Commit(const FileChanges& changes);

 private:
  explicit Journal(std::string folder) : folder_(std::move(folder)) {}
  Status Prepare(const FileChanges& changes, std::vector<std::filesystem::path>& new_folders);
  Status Finish(const FileChanges& changes);

  std::string folder_;
};

}  // namespace deixis::internal
