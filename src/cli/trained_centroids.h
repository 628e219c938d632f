// `deixis compress --finetune`: a compressed model's centroids trained by deixis-train.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/console.h"
#include "network/model.h"

namespace deixis::cli {

// `compressed`, made of the model at `source`, with centroids, scales and biases trained on the
// pictures of --finetune to answer as that one does. Errors of deixis-train.
Result<Model> TrainedCentroids(const Arguments& arguments, const std::string& source,
                               const Model& compressed, Console& console);

}  // namespace deixis::cli
