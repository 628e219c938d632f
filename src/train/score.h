// What a network's answers to pictures are worth, while it is trained.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/model.h"
#include "train/sample_pictures.h"

namespace deixis {

struct Score {
  int64_t images = 0;
  double loss = 0;  // cross entropy (kClassify), or the squared distance in units, mean
  double top1 = 0;  // kClassify, 0..1
  std::vector<std::vector<int64_t>> confusion;  // kClassify: [truth][answer]
  // kLocate, over the marks, in pixels of the pictures.
  int64_t marked = 0;
  double mean_error_px = 0;
  double median_error_px = 0;
  double p95_error_px = 0;
  // Of models that tell presence: the share of marks asked for of which it is told rightly (logit
  // 0).
  std::optional<double> presence_accuracy;
};

struct Judgement {
  Task task = Task::kClassify;
  int64_t num_categories = 0;
  bool tells_presence = false;
  std::optional<PictureSize> error_size;  // errors as in pictures of this size
};

// `outputs` [targets.size(), num_outputs] as the network gives them.
Score Judge(const Judgement& judgement, const Preprocessing& preprocessing,
            std::span<const float> outputs, std::span<const SampleTarget> targets);

// Whether `a` is to be preferred: more pictures named right, or a smaller mean error; the smaller
// loss when that is equal.
bool IsBetter(Task task, const Score& a, const Score& b);

// "640x480" -> {480, 640}; nothing for an empty text. kUsage.
Result<std::optional<PictureSize>> ParsePictureSize(const std::string& text);

}  // namespace deixis
