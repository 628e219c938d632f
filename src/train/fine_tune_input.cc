#include "train/fine_tune_input.h"

#include "base/thread_pool.h"
#include "format/digest.h"
#include "train/choose_pictures.h"

namespace deixis {

Result<FineTuneInput> ReadFineTuneInput(const FineTuneJob& job, bool keeps_preprocessing) {
  FineTuneInput input;
  DEIXIS_ASSIGN(input.backbone, LoadModel(job.backbone));
  DEIXIS_ASSIGN(input.backbone_sha256, Sha256OfFile(job.backbone));
  DEIXIS_ASSIGN(const ChosenPictures chosen, ChoosePictures(job));
  const Preprocessing preprocessing =
      keeps_preprocessing ? input.backbone.preprocessing : PreprocessingFor(job, input.backbone);
  const Task task = job.locates() ? Task::kLocate : Task::kClassify;
  ThreadPool pool(job.threads);
  DEIXIS_ASSIGN(input.training, LoadSamplePictures(chosen.training, task, preprocessing, pool));
  DEIXIS_ASSIGN(input.held_out, LoadSamplePictures(chosen.held_out, task, preprocessing, pool));
  if (chosen.test) {
    DEIXIS_ASSIGN(input.test, LoadSamplePictures(*chosen.test, task, preprocessing, pool));
  }
  input.class_names = chosen.class_names;
  input.num_categories = chosen.training.num_classes;
  return input;
}

}  // namespace deixis
