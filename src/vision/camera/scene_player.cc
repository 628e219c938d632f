#include "vision/camera/scene_player.h"

#include <algorithm>
#include <utility>

#include "vision/camera/scene_session.h"
#include "vision/scene/scene.h"

namespace deixis::camera {
namespace {

class Session final : public Player {
 public:
  Session(std::string name, const SceneSessionOptions& options, double fps)
      : name_(std::move(name)), session_(options), fps_(fps) {}

  double fps() const override { return fps_; }
  std::string Name() const override { return name_; }

  Result<ReadOutcome> Play(int64_t /*index*/, int64_t time_ms, SourceFrame& frame) override {
    SceneSession::View view = session_.At(time_ms);
    frame.image = std::move(view.image);
    frame.truth = view.truth;
    return ReadOutcome::kFrame;
  }

 private:
  std::string name_;
  SceneSession session_;
  double fps_;
};

Result<int> LabelOf(const std::string& name, const CameraUri& uri) {
  const auto& names = SceneClassNames();
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  if (name == "nothing") return SceneSessionOptions::kNothing;
  if (name == "nameless") return SceneSessionOptions::kNameless;
  std::string all = "nothing, nameless";
  for (const std::string& known : names) all += ", " + known;
  return UsageError("camera \"" + uri.text + "\": there is no \"" + name + "\" in the scenes",
                    "there are " + all);
}

}  // namespace

Result<std::unique_ptr<Player>> ScenePlayer(const CameraUri& uri, ParameterReader& parameters) {
  SceneSessionOptions options;
  options.seed = parameters.Seed("seed", options.seed);
  const auto size = parameters.PictureSize("size", {options.width_px, options.height_px});
  options.width_px = size.width_px;
  options.height_px = size.height_px;
  const double fps = parameters.Number("fps", 30, {.least = 0.1, .most = 1000});
  for (const std::string& name : parameters.Words("labels")) {
    DEIXIS_ASSIGN(const int label, LabelOf(name, uri));
    options.labels.push_back(label);
  }
  options.things = static_cast<int>(parameters.Number("things", 1, {.least = 1, .most = 3}));
  options.pointing = parameters.Number("pointing", options.pointing, {.least = 0, .most = 1});
  options.difficulty = parameters.Number("difficulty", options.difficulty, {.least = 0, .most = 1});
  options.brightness = parameters.Number("brightness", options.brightness, {.least = 0, .most = 1});
  DEIXIS_RETURN_IF_ERROR(parameters.Finish());
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  return std::unique_ptr<Player>(
      std::make_unique<Session>("scene of seed " + std::to_string(options.seed), options, fps));
}

}  // namespace deixis::camera
