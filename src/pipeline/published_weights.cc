#include "pipeline/published_weights.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "format/digest.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr PublishedWeights kPublished[] = {
    {"resnet18", "https://download.pytorch.org/models/resnet18-f37072fd.pth", "f37072fd"},
    {"resnet34", "https://download.pytorch.org/models/resnet34-b627a593.pth", "b627a593"},
    {"resnet50", "https://download.pytorch.org/models/resnet50-0676ba61.pth", "0676ba61"},
    {"resnet101", "https://download.pytorch.org/models/resnet101-63fe2227.pth", "63fe2227"},
    {"resnet152", "https://download.pytorch.org/models/resnet152-394f9c45.pth", "394f9c45"},
};
constexpr size_t kLeastDigits = 8;
constexpr size_t kMostDigits = 64;

bool IsDigest(std::string_view text) {
  return text.size() >= kLeastDigits && text.size() <= kMostDigits &&
         std::ranges::all_of(
             text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::span<const PublishedWeights> AllPublishedWeights() { return kPublished; }

const PublishedWeights* FindPublishedWeights(std::string_view name) {
  const auto* found = std::ranges::find(kPublished, name, &PublishedWeights::name);
  return found == std::end(kPublished) ? nullptr : found;
}

Result<FetchedFile> FetchFile(const std::string& address, std::string_view sha256,
                              const std::string& path, const DownloadOptions& options) {
  if (!IsDigest(sha256)) {
    return UsageError("SHA-256 \"" + std::string(sha256) + "\": expected " +
                          std::to_string(kLeastDigits) + " to " + std::to_string(kMostDigits) +
                          " hexadecimal digits in small letters",
                      "sha256sum FILE prints them where the file is known to be right");
  }
  std::error_code failure;
  if (fs::is_regular_file(path, failure)) {
    DEIXIS_ASSIGN(const std::string found, Sha256OfFile(path));
    if (found.starts_with(sha256)) return FetchedFile{.sha256 = found, .was_there = true};
  }
  const std::string part = path + ".part";
  std::string found;
  while (true) {
    const bool was_begun = fs::file_size(part, failure) > 0;
    DEIXIS_RETURN_IF_ERROR(Download(address, part, options));
    DEIXIS_ASSIGN(found, Sha256OfFile(part));
    if (found.starts_with(sha256)) break;
    fs::resize_file(part, 0, failure);
    if (was_begun && !failure) continue;  // the part may have been of another file
    fs::remove(part, failure);
    return InvalidData(address + ": expected a file whose SHA-256 begins with " +
                           std::string(sha256) + ", found " + found,
                       "the file was changed, or the address is another file's: nothing was kept");
  }
  fs::rename(part, path, failure);
  if (failure) return ResourceError(path + ": cannot be written: " + failure.message());
  return FetchedFile{.sha256 = std::move(found)};
}

}  // namespace deixis
