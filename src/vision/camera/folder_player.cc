#include "vision/camera/folder_player.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace deixis::camera {
namespace {

namespace fs = std::filesystem;

bool IsPicture(const fs::path& path) {
  std::string extension = path.extension();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

class Folder final : public Player {
 public:
  Folder(std::string name, std::vector<std::string> files, double fps, bool loops)
      : name_(std::move(name)), files_(std::move(files)), fps_(fps), loops_(loops) {}

  double fps() const override { return fps_; }
  std::string Name() const override { return name_; }

  Result<ReadOutcome> Play(int64_t index, int64_t /*time_ms*/, SourceFrame& frame) override {
    const auto count = static_cast<int64_t>(files_.size());
    if (index >= count && !loops_) return ReadOutcome::kEnded;
    Result<Image> image = ReadImage(files_[static_cast<size_t>(index % count)]);
    if (image.ok()) {
      damaged_in_a_row_ = 0;
      frame.image = *std::move(image);
      return ReadOutcome::kFrame;
    }
    // A loop over nothing but damaged files would never come to a frame.
    if (++damaged_in_a_row_ >= count && loops_) {
      return InvalidData(name_ + ": none of its " + std::to_string(count) +
                         " pictures can be read; the last: " + image.error().message);
    }
    return ReadOutcome::kDamaged;
  }

 private:
  std::string name_;
  std::vector<std::string> files_;
  double fps_;
  bool loops_;
  int64_t damaged_in_a_row_ = 0;
};

}  // namespace

Result<std::unique_ptr<Player>> FolderPlayer(const CameraUri& uri, ParameterReader& parameters) {
  const double fps = parameters.Number("fps", 2, {.least = 0.01, .most = 1000});
  const bool loops = parameters.Choice("loop", {"yes", "no"}) == "yes";
  std::vector<std::string> files;
  std::error_code failure;
  for (fs::directory_iterator entry(uri.place, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (IsPicture(entry->path()) && entry->is_regular_file(ignored)) {
      files.push_back(entry->path());
    }
  }
  if (failure) {
    return NotFound("camera \"" + uri.text + "\": cannot read the folder " + uri.place + ": " +
                    failure.message());
  }
  if (files.empty()) {
    return NotFound("camera \"" + uri.text + "\": no .jpg, .png or .webp file in " + uri.place);
  }
  std::ranges::sort(files);
  return std::unique_ptr<Player>(
      std::make_unique<Folder>("folder " + uri.place, std::move(files), fps, loops));
}

}  // namespace deixis::camera
