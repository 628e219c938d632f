#include "vision/scene/scene_dataset.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace deixis {
namespace {

Status MakeFolder(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) {
    return ResourceError(folder + ": cannot make the folder: " + failure.message(),
                         "choose a path that you may write to");
  }
  return Ok();
}

}  // namespace

Result<Dataset> WriteSceneDataset(const std::string& folder, const SceneDatasetOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.scene.Validate());
  const auto& names = SceneClassNames();
  for (const std::string& name : names) DEIXIS_RETURN_IF_ERROR(MakeFolder(folder + "/" + name));
  Dataset dataset;
  dataset.folder = folder;
  dataset.class_names = names;
  dataset.num_classes = static_cast<int>(names.size());
  std::string points = "file,category,x_px,y_px,presence\n";
  for (int64_t i = 0; i < options.count; ++i) {
    SceneOptions scene_options = options.scene;
    scene_options.label = static_cast<int>(i % static_cast<int64_t>(names.size()));
    const Scene scene = GenerateScene(options.first_seed + static_cast<uint64_t>(i), scene_options);
    const std::string& category = names[static_cast<size_t>(scene.label)];
    char number[32];
    std::snprintf(number, sizeof number, "%05lld.png", static_cast<long long>(i));
    const std::string file = category + "/" + number;
    Sample sample;
    sample.path = folder + "/" + file;
    sample.label = scene.label;
    DEIXIS_RETURN_IF_ERROR(WritePng(sample.path, scene.image));
    char position[64] = ",";
    if (scene.has_fingertip) {
      sample.point_px = Point{scene.fingertip_x_px, scene.fingertip_y_px};
      std::snprintf(position, sizeof position, "%.2f,%.2f", scene.fingertip_x_px,
                    scene.fingertip_y_px);
    }
    points += file + "," + category + "," + position + (scene.has_fingertip ? ",1\n" : ",0\n");
    dataset.samples.push_back(std::move(sample));
  }
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(folder + "/points.csv", points));
  return dataset;
}

}  // namespace deixis
