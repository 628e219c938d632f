// Makes the inputs of the comparison from one picture, so that every engine sees the same numbers:
//
//   deixis_compare_prepare MODEL PICTURE PIXELS INPUT
//
// PIXELS: u8 [H, W, 3] in RGB, resized as the model's preprocessing says. INPUT: f32 [1, 3, H, W],
// normalised.
#include <cstdio>
#include <span>
#include <vector>

#include "base/file.h"
#include "network/model.h"
#include "vision/image.h"

namespace deixis {
namespace {

Status Prepare(const char* model_path, const char* picture_path, const char* pixels_path,
               const char* input_path) {
  DEIXIS_ASSIGN(const Model model, LoadModel(model_path));
  DEIXIS_ASSIGN(const Image picture, ReadImage(picture_path));
  const Preprocessing& preprocessing = model.preprocessing;
  const Image image = PrepareForModel(picture, preprocessing);
  std::vector<float> planes;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = c; i < image.pixels.size(); i += 3) {
      const float unit = static_cast<float>(image.pixels[i]) / 255.0f;
      planes.push_back((unit - preprocessing.mean[c]) / preprocessing.stddev[c]);
    }
  }
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(pixels_path, std::as_bytes(std::span(image.pixels))));
  return WriteFileAtomically(input_path, std::as_bytes(std::span(planes)));
}

}  // namespace
}  // namespace deixis

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s MODEL PICTURE PIXELS INPUT\n", argv[0]);
    return 2;
  }
  const deixis::Status status = deixis::Prepare(argv[1], argv[2], argv[3], argv[4]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return 1;
}
