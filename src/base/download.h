// A file from an address, by curl: what has come is kept when the connection breaks, and the next
// call goes on from there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace deixis {

struct DownloadOptions {
  // Bytes so far, those of earlier calls among them, of `total`; 0 when that is not known. May be
  // empty.
  std::function<void(int64_t done, int64_t total)> progress;
  int64_t stalled_s = 30;  // without a byte: given up
};

// Appends to `path` what it lacks of the file at `address` (https://, or http:// which stays
// possible for one's own server; a redirect of https stays https). A server that cannot send the
// rest sends all of it again. The bytes are not judged: check a digest before they are used.
//   kUsage               no such address
//   kNotFound            the server has no such file, or there is no curl
//   kDeviceUnavailable   no connection, or it broke; what has come is in `path`
//   kBusy                another call is writing `path`
//   kResources           the disk is full
Status Download(const std::string& address, const std::string& path,
                const DownloadOptions& options = {});

}  // namespace deixis
