// Compression with calibration pictures: the original and the compressed network run side by side,
// segment by segment, and each chosen layer is fitted on what reaches it in the compressed network.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/compress.h"

namespace deixis {

Result<CompressedModel> CompressCalibrated(const Model& model, const std::vector<LayerPlan>& plan,
                                           PictureSet& pictures, const CompressOptions& options,
                                           ThreadPool& pool);

}  // namespace deixis
