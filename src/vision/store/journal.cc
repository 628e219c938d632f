#include "vision/store/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/descriptor.h"
#include "base/file.h"
#include "vision/csv.h"

namespace deixis::internal {
namespace {

namespace fs = std::filesystem;

// The steps of a plan, as rows "step,first,second".
constexpr std::string_view kNewFolder = "folder";
constexpr std::string_view kMove = "move";
constexpr std::string_view kText = "text";
constexpr std::string_view kRemove = "remove";
constexpr std::string_view kRemoveFolder = "remove folder";

std::string PlanPath() { return Hidden("next/plan.csv"); }
std::string StagedText(size_t number) { return Hidden("next/" + std::to_string(number)); }

Error CannotChange(const std::string& path, const std::string& action, int error_number) {
  const std::string message = path + ": cannot be " + action + ": " + std::strerror(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return ResourceError(message, "free some space on that disk; the dataset is as it was");
  }
  return ResourceError(message, "check that you may write to the dataset's folder");
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// A second name for a file. Where the file system has none (FAT), the file itself is moved.
Status Link(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return Ok();
  const int error_number = errno;
  std::error_code ignored;
  if (error_number == ENOENT && Exists(to)) return Ok();  // moved before the process was killed
  if (error_number == EEXIST) {
    if (fs::equivalent(from, to, ignored)) return Ok();
    return CannotChange(to.string(), "made", error_number);
  }
  if (error_number == EPERM || error_number == ENOTSUP || error_number == EMLINK) {
    if (::rename(from.c_str(), to.c_str()) == 0) return Ok();
  }
  return CannotChange(to.string(), "made", error_number);
}

Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? Status(CannotChange(folder.string(), "made", error.value())) : Ok();
}

// A file that the plan will name. It reaches the disk in Flush.
Status WriteStaged(const fs::path& path, std::span<const std::byte> bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.is_open()) return CannotChange(path.string(), "written", errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotChange(path.string(), "written", errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok();
}

// Waits until files are on the disk. Their writing is begun for all before one is waited for, so
// that the file system gathers them in one commit; beyond a few, everything it has is flushed.
Status Flush(const fs::path& folder, const std::vector<fs::path>& paths) {
  constexpr size_t kMaxSingle = 16;
  if (paths.size() > kMaxSingle) {
    const Descriptor any(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (any.is_open() && ::syncfs(any.get()) == 0) return Ok();
    return CannotChange(folder.string(), "written", errno);
  }
  std::vector<Descriptor> files;
  for (const fs::path& path : paths) {
    files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!files.back().is_open()) return CannotChange(path.string(), "written", errno);
    // A hint; fsync is what counts.
    ::sync_file_range(files.back().get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (size_t i = 0; i < files.size(); ++i) {
    if (::fsync(files[i].get()) != 0) return CannotChange(paths[i].string(), "written", errno);
  }
  return Ok();
}

std::string PlanText(const FileChanges& changes) {
  std::string text = "step,first,second\n";
  const auto add = [&text](std::string_view step, const std::string& first,
                           const std::string& second = {}) {
    text += std::string(step) + "," + CsvField(first) + "," + CsvField(second) + "\n";
  };
  for (const auto& folder : changes.new_folders) add(kNewFolder, folder);
  for (const auto& [from, to] : changes.moves) add(kMove, from, to);
  for (size_t i = 0; i < changes.texts.size(); ++i) {
    add(kText, StagedText(i), changes.texts[i].first);
  }
  for (const auto& file : changes.removed_files) add(kRemove, file);
  for (const auto& folder : changes.removed_folders) add(kRemoveFolder, folder);
  return text;
}

// Texts have only their places: what they say has been staged.
Result<FileChanges> ParsePlan(const std::string& text) {
  DEIXIS_ASSIGN(const CsvTable table, ParseCsv(text));
  FileChanges changes;
  for (const CsvTable::Row& row : table.rows) {
    if (row.fields.size() != 3) return InvalidData("expected three columns");
    const std::string& step = row.fields[0];
    const std::string& first = row.fields[1];
    const std::string& second = row.fields[2];
    if (step == kNewFolder) {
      changes.new_folders.push_back(first);
    } else if (step == kMove) {
      changes.moves.emplace_back(first, second);
    } else if (step == kText) {
      changes.texts.emplace_back(second, "");
    } else if (step == kRemove) {
      changes.removed_files.push_back(first);
    } else if (step == kRemoveFolder) {
      changes.removed_folders.push_back(first);
    } else {
      return InvalidData("line " + std::to_string(row.line) + ": unknown step \"" + step + "\"");
    }
  }
  return changes;
}

void Empty(const fs::path& folder) {
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    fs::remove(it->path(), ignored);
  }
}

}  // namespace

Result<Journal> Journal::Open(const std::string& folder) {
  for (const char* name : {"next", "incoming", "bin", "undone"}) {
    DEIXIS_RETURN_IF_ERROR(MakeFolder(fs::path(folder) / Hidden(name)));
  }
  return Journal(folder);
}

Status Journal::Recover() {
  const fs::path folder(folder_);
  if (Exists(folder / PlanPath())) {
    const std::string path = (folder / PlanPath()).string();
    DEIXIS_ASSIGN(const std::string text, ReadTextFile(path));
    const Result<FileChanges> changes = ParsePlan(text);
    if (!changes.ok()) return changes.error().WithContext(path);
    for (const std::string& name : changes->new_folders) {
      DEIXIS_RETURN_IF_ERROR(MakeFolder(folder / name));
    }
    for (const auto& [from, to] : changes->moves) {
      DEIXIS_RETURN_IF_ERROR(Link(folder / from, folder / to));
    }
    DEIXIS_RETURN_IF_ERROR(Finish(*changes));
  }
  Empty(folder / Hidden("next"));
  Empty(folder / Hidden("incoming"));
  return Ok();
}

Result<std::string> Journal::Stage(std::span<const std::byte> bytes, const std::string& name) {
  const std::string path = Hidden("incoming/" + name);
  DEIXIS_RETURN_IF_ERROR(WriteStaged(fs::path(folder_) / path, bytes));
  return path;
}

Status Journal::Commit(const FileChanges& changes) {
  const fs::path folder(folder_);
  for (const auto& [from, to] : changes.moves) {
    if (!Exists(folder / from)) return NotFound((folder / from).string() + ": no such file");
    if (Exists(folder / to)) {
      return InvalidData((folder / to).string() + ": a file of that name is there already",
                         "move it away");
    }
  }
  std::vector<fs::path> new_folders;
  Status status = Prepare(changes, new_folders);
  if (status.ok()) return Finish(changes);
  // Without the plan none of it means anything: the tables name none of these files.
  std::error_code ignored;
  fs::remove(folder / PlanPath(), ignored);
  for (const auto& [from, to] : changes.moves) {
    if (!Exists(folder / from)) fs::rename(folder / to, folder / from, ignored);
    fs::remove(folder / to, ignored);
  }
  for (auto it = new_folders.rbegin(); it != new_folders.rend(); ++it) fs::remove(*it, ignored);
  Empty(folder / Hidden("next"));
  Empty(folder / Hidden("incoming"));
  return status;
}

// Everything that may find no room on the disk.
Status Journal::Prepare(const FileChanges& changes, std::vector<fs::path>& new_folders) {
  const fs::path folder(folder_);
  std::vector<fs::path> staged;
  for (size_t i = 0; i < changes.texts.size(); ++i) {
    const std::string& text = changes.texts[i].second;
    staged.push_back(folder / StagedText(i));
    DEIXIS_RETURN_IF_ERROR(
        WriteStaged(staged.back(), std::as_bytes(std::span(text.data(), text.size()))));
  }
  for (const auto& [from, to] : changes.moves) {
    if (from.starts_with(Hidden("incoming/"))) staged.push_back(folder / from);
  }
  DEIXIS_RETURN_IF_ERROR(Flush(folder, staged));
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically((folder / PlanPath()).string(), PlanText(changes)));
  for (const std::string& name : changes.new_folders) {
    if (Exists(folder / name)) continue;
    DEIXIS_RETURN_IF_ERROR(MakeFolder(folder / name));
    new_folders.push_back(folder / name);
  }
  for (const auto& [from, to] : changes.moves) {
    DEIXIS_RETURN_IF_ERROR(Link(folder / from, folder / to));
  }
  return Ok();
}

Status Journal::Finish(const FileChanges& changes) {
  const fs::path folder(folder_);
  for (size_t i = 0; i < changes.texts.size(); ++i) {
    const fs::path staged = folder / StagedText(i);
    const fs::path path = folder / changes.texts[i].first;
    if (::rename(staged.c_str(), path.c_str()) != 0 && errno != ENOENT) {
      return CannotChange(path.string(), "replaced", errno);
    }
  }
  for (const auto& [from, to] : changes.moves) ::unlink((folder / from).c_str());
  for (const std::string& name : changes.removed_files) ::unlink((folder / name).c_str());
  for (const std::string& name : changes.removed_folders) ::rmdir((folder / name).c_str());
  if (::unlink((folder / PlanPath()).c_str()) != 0 && errno != ENOENT) {
    return CannotChange((folder / PlanPath()).string(), "removed", errno);
  }
  return Ok();
}

}  // namespace deixis::internal
