// Who has a device open: what makes "the camera is busy" a message that helps.
#pragma once

#include <string>
#include <vector>

namespace deixis::camera {

struct DeviceHolder {
  int process_id = 0;
  std::string program;  // "cheese"
};

// Other processes that have the device (or file) at `path` open, by rising id. Those of other users
// are seen only by root. Reads /proc/*/fd: some milliseconds.
std::vector<DeviceHolder> HoldersOf(const std::string& path);

// "cheese (process 4711)", "cheese (process 4711) and zoom (process 4800)"; without any "another
// program (whose user is another one)".
std::string HoldersText(const std::vector<DeviceHolder>& holders);

}  // namespace deixis::camera
