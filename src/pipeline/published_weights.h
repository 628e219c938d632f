// Weights that others publish and that serve as a backbone: where they are, and how they are
// fetched and proved to be what was meant.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/download.h"
#include "base/result.h"

namespace deixis {

struct PublishedWeights {
  std::string_view name;     // "resnet18"
  std::string_view address;  // of a .pth file
  // The first hexadecimal digits of the file's SHA-256, as its publisher states them (in its name).
  std::string_view sha256;
};

// torchvision's first ImageNet weights ("IMAGENET1K_V1") of every ResNet that Deixis knows; under
// terms of their own, which their publisher states.
std::span<const PublishedWeights> AllPublishedWeights();
// Null without one of that name.
const PublishedWeights* FindPublishedWeights(std::string_view name);

struct FetchedFile {
  std::string sha256;      // all 64 digits
  bool was_there = false;  // `path` held it already: nothing was fetched
};

// Brings the file at `address` to `path` and gives it that name only when its SHA-256 begins with
// `sha256` (8 to 64 hexadecimal digits). What has come before a failure stays in "`path`.part", and
// the next call goes on from there. A file that is at `path` and has the digest is not fetched
// again; any other is replaced.
// kInvalidData when the digest differs (the part is removed), else as Download.
Result<FetchedFile> FetchFile(const std::string& address, std::string_view sha256,
                              const std::string& path, const DownloadOptions& options = {});

}  // namespace deixis
