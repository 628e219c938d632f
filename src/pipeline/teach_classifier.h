// The head of a classifier: multinomial logistic regression on the means of the last feature maps
// of pictures and their varied copies, with a rejection of what it was not taught.
#pragma once

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/picture_set.h"
#include "pipeline/embedding.h"
#include "pipeline/quick_teach.h"
#include "vision/dataset_split.h"

namespace deixis {

// `split` is of the pictures' dataset. kInvalidData when a category has no picture to teach it.
Result<QuickTeachResult> TeachClassifier(const Model& backbone, const PictureSet& pictures,
                                         const Embeddings& embeddings, const Split& split,
                                         ThreadPool& pool);

}  // namespace deixis
