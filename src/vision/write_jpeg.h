// Pictures as JPEG files, for people to look at; what must stay exact is written as PNG.
#pragma once

#include <string>

#include "base/result.h"
#include "vision/image.h"

namespace deixis {

// `quality` 1..100, as libjpeg counts it; chroma at half resolution. Errors as WritePng's.
Status WriteJpeg(const std::string& path, const Image& image, int quality = 92);

}  // namespace deixis
