#include "studio/uploads.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "studio/http/access.h"

namespace deixis::studio {
namespace {

namespace fs = std::filesystem;

// ".zip" of "things.ZIP"; nothing that is no plain ending.
std::string EndingOf(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.size() - dot > 13) return {};
  std::string ending = ".";
  for (const char c : name.substr(dot + 1)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) return {};
    ending += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return ending;
}

}  // namespace

Uploads::Uploads(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::vector<fs::path> left_over;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("upload-") || name.starts_with("receiving-") ||
        name.starts_with("export-")) {
      left_over.push_back(entry->path());
    }
  }
  for (const fs::path& path : left_over) fs::remove(path, error);
}

Uploads::~Uploads() {
  for (const auto& [id, upload] : uploads_) unlink(upload.path.c_str());
}

Result<std::string> Uploads::Take(const std::string& path, const std::string& name) {
  const std::string id = RandomToken().substr(0, 16);
  const std::string kept = folder_ + "/upload-" + id + EndingOf(name);
  if (std::rename(path.c_str(), kept.c_str()) != 0) {
    return ResourceError("the upload cannot be kept", "make room on the disk of the project");
  }
  const std::lock_guard lock(mutex_);
  uploads_[id] = {.path = kept, .name = name};
  return id;
}

Result<std::string> Uploads::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (found != uploads_.end()) return found->second.path;
  return NotFound("there is no upload \"" + id + "\"", "send the file again");
}

std::string Uploads::NameOf(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  return found == uploads_.end() ? std::string() : found->second.name;
}

bool Uploads::Remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return false;
  unlink(found->second.path.c_str());
  uploads_.erase(found);
  return true;
}

}  // namespace deixis::studio
