#include "vision/camera/device_holders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace deixis::camera {
namespace {

namespace fs = std::filesystem;

// A device node may exist several times; a file may not.
bool IsSame(const struct stat& a, const struct stat& b) {
  if (S_ISCHR(a.st_mode)) return S_ISCHR(b.st_mode) && a.st_rdev == b.st_rdev;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool Holds(const fs::path& process, const struct stat& wanted) {
  std::error_code failure;
  for (fs::directory_iterator entry(process / "fd", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    struct stat found {};
    if (stat(entry->path().c_str(), &found) == 0 && IsSame(wanted, found)) return true;
  }
  return false;
}

}  // namespace

std::vector<DeviceHolder> HoldersOf(const std::string& path) {
  std::vector<DeviceHolder> holders;
  struct stat wanted {};
  if (stat(path.c_str(), &wanted) != 0) return holders;
  std::error_code failure;
  for (fs::directory_iterator entry("/proc", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename();
    int process_id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), process_id);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    if (process_id == getpid() || !Holds(entry->path(), wanted)) continue;
    DeviceHolder holder{.process_id = process_id, .program = {}};
    std::ifstream file(entry->path() / "comm");
    std::getline(file, holder.program);
    holders.push_back(holder);
  }
  std::ranges::sort(holders, {}, &DeviceHolder::process_id);
  return holders;
}

std::string HoldersText(const std::vector<DeviceHolder>& holders) {
  if (holders.empty()) return "this program itself or one of another user";
  std::string text;
  for (size_t i = 0; i < holders.size(); ++i) {
    if (i > 0) text += i + 1 == holders.size() ? " and " : ", ";
    text += holders[i].program + " (process " + std::to_string(holders[i].process_id) + ")";
  }
  return text;
}

}  // namespace deixis::camera
