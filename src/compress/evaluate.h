// How good a model is: measured by running it over labelled pictures.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "compress/picture_set.h"
#include "network/model.h"

namespace deixis {

// done and total count pictures; false stops the work with kInterrupted. Calls come one at a time.
using EvaluateProgress = std::function<bool(int64_t done, int64_t total)>;

struct EvaluateOptions {
  int num_threads = 1;
  bool keep_logits = false;
  EvaluateProgress progress;  // may be empty
};

struct Evaluation {
  int64_t images = 0;
  int64_t correct = 0;            // largest logit is the label's; of equal ones the first counts
  int64_t correct_top5 = 0;       // the label's logit is among the five largest
  double mean_cross_entropy = 0;  // nats, of the softmax over the logits
  std::vector<int> predictions;   // [images], index of the largest logit
  std::vector<float> logits;      // [images, num_outputs] when keep_logits
  // Classify models only: how much each picture looks like a category with a name, by
  // KnownScore of network/rejection.h, and whether it was called unknown.
  std::vector<double> known_scores;  // [images]
  std::vector<bool> called_unknown;  // [images]
  // Locate models only: the distance of each marked picture's answer to its mark, in the picture's
  // own pixels.
  std::vector<double> errors_px;
  // Of models that tell presence: its probability for each picture's category, of the pictures
  // where it is marked and of those where it is not.
  std::vector<double> presence_where_marked;
  std::vector<double> presence_where_absent;
  double seconds = 0;  // wall clock, decoding included

  double top1() const { return Share(correct); }
  double top5() const { return Share(correct_top5); }
  double mean_error_px() const;
  double median_error_px() const;
  double p95_error_px() const;
  double Share(int64_t part) const {
    return images == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(images);
  }
};

// A classifier is judged by its labels, a locate model (outputs 2 c and 2 c + 1 are x and y of
// category c) by the distance in pixels over all samples that are marked.
//
// kInvalidData when the dataset has labels that the model has no output for, or names other
// categories than the model; errors of pictures and of the executor.
Result<Evaluation> Evaluate(const Model& model, PictureSet& pictures,
                            const EvaluateOptions& options = {});

}  // namespace deixis
