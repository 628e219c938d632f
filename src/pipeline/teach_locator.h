// The head of a model that locates: ridge regression of the marks' unit coordinates on every pixel
// of the last feature map, and of ±1 for whether the thing is in the picture when some lack it.
#pragma once

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/picture_set.h"
#include "pipeline/embedding.h"
#include "pipeline/quick_teach.h"
#include "vision/dataset_split.h"

namespace deixis {

// Outputs and figures of docs on QuickTeachResult. `split` is of the pictures' dataset.
// kInvalidData without enough marks.
Result<QuickTeachResult> TeachLocator(const Model& backbone, const PictureSet& pictures,
                                      const Embeddings& embeddings, const Split& split,
                                      ThreadPool& pool);

}  // namespace deixis
