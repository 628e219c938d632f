// What a job names, read from disk.
#pragma once

#include "base/result.h"
#include "train/fine_tune_job.h"
#include "train/fine_tuner.h"

namespace deixis {

// The backbone and the pictures, prepared as the job says or, with `keeps_preprocessing`, as the
// backbone takes them. Errors of LoadModel, ChoosePictures and LoadSamplePictures.
Result<FineTuneInput> ReadFineTuneInput(const FineTuneJob& job, bool keeps_preprocessing = false);

}  // namespace deixis
