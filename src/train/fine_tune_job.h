// What is asked of a fine-tuning, as a value: from flags or from a JSON file, and written into a
// checkpoint, so that a training that goes on is the one that was begun. docs/training.md lists it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "network/model.h"
#include "vision/augment.h"

namespace deixis {

struct FineTuneJob {
  // Which pictures, and where to.
  std::string data;
  std::string backbone;
  std::string out;
  std::string task = "classify";  // or "locate"
  std::string held_out;           // a folder to judge epochs by, or
  std::string held_out_where;     // "column=value" of labels.csv or points.csv, or
  double held_out_share = 0.2;    // by the dataset's split
  std::string test;               // a folder, or
  std::string test_where;         // "column=value": judged once, at the end
  int64_t per_category = 0;       // so many training pictures of each category; 0: all
  std::string error_size;         // "640x480": pixel errors as in pictures of this size
  std::string checkpoint;         // default: `out` with ".checkpoint"
  bool resume = false;

  // The network.
  int64_t input_px = 0;         // side of the square input; 0: the backbone's
  std::string resize = "auto";  // stretch, crop; auto: stretch where marks could be cut off
  std::string head = "auto";    // pooled, flatten, soft-argmax; auto: soft-argmax for locate
  int stages = 0;               // 4: without layer4; 5: all; 0: 4 with a new soft-argmax head
  bool keep_head = false;       // go on with the backbone's own last layer
  int frozen_stages = 0;        // from the picture on: 1 the stem, 2 layer1 too, ... up to 5

  // The way.
  std::string optimizer = "adam";  // or sgd
  double learning_rate = 0;        // 0: 1e-3
  double head_rate = 0;            // the last layer's learning rate, times this; 0: by its size
  double momentum = 0.9;           // sgd
  double weight_decay = 1e-4;
  std::string schedule = "cosine";  // constant, step
  double warm_up = 0.05;            // share of all steps in which the rate rises
  std::string loss = "auto";        // cross-entropy, mse, huber
  double label_smoothing = 0;
  int64_t batch = 16;
  int epochs = 10;
  int patience = 0;  // epochs without a better one until it ends; 0: never
  AugmentOptions augment;
  uint64_t seed = 1;
  int threads = 1;
  std::string device = "cpu";

  bool locates() const { return task == "locate"; }
  std::string CheckpointPath() const {
    return checkpoint.empty() ? out + ".checkpoint" : checkpoint;
  }

  // kUsage names what is missing, unknown or out of range.
  Status Validate() const;
};

// Calls visit(key, help, member) for every member, in the order of docs/training.md. A key is what
// the JSON file has; the flag is the same with dashes.
template <typename Job, typename Visit>
void VisitJob(Job& job, const Visit& visit) {
  visit("data", "Labelled or marked pictures: a folder", job.data);
  visit("backbone", "The network to start from (.pth, safetensors, compressed or not)",
        job.backbone);
  visit("out", "The model to write (safetensors)", job.out);
  visit("task", "classify, or locate", job.task);
  visit("held_out", "A folder of pictures to judge epochs by", job.held_out);
  visit("held_out_where", "Rows of labels.csv or points.csv to judge epochs by: COLUMN=VALUE",
        job.held_out_where);
  visit("held_out_share", "Share to judge epochs by of the pictures of which DATA does not say it",
        job.held_out_share);
  visit("test", "A folder of pictures to judge the end by; they choose nothing", job.test);
  visit("test_where", "Rows to judge the end by: COLUMN=VALUE; they choose nothing",
        job.test_where);
  visit("per_category", "So many training pictures of each category, drawn by the seed; 0 all",
        job.per_category);
  visit("error_size", "Pixel errors as in pictures of this size: WIDTHxHEIGHT", job.error_size);
  visit("checkpoint", "Where the training is kept after each epoch; OUT.checkpoint without",
        job.checkpoint);
  visit("resume", "Go on from the checkpoint, if there is one", job.resume);
  visit("input_px", "Side of the network's input; 0 the backbone's", job.input_px);
  visit("resize", "How pictures come to that size: auto, stretch, crop", job.resize);
  visit("head", "How the last layer reads the map: auto, pooled, flatten, soft-argmax", job.head);
  visit("stages", "Of the backbone's: 4 leaves layer4 out, 5 all, 0 as the head likes it",
        job.stages);
  visit("keep_head", "Go on with the backbone's own last layer", job.keep_head);
  visit("frozen_stages", "Stages that stay as they are: 1 the stem, 2..5 layer1..layer4 too",
        job.frozen_stages);
  visit("optimizer", "adam, or sgd", job.optimizer);
  visit("learning_rate", "At its highest; 0 the usual 1e-3", job.learning_rate);
  visit("head_rate", "The last layer's rate, as a multiple; 0 by its size", job.head_rate);
  visit("momentum", "Of sgd", job.momentum);
  visit("weight_decay", "Decay of filters and the last layer's weights", job.weight_decay);
  visit("schedule", "Of the learning rate: cosine, constant, step", job.schedule);
  visit("warm_up", "Share of the steps in which the rate rises", job.warm_up);
  visit("loss", "auto, cross-entropy, mse, huber", job.loss);
  visit("label_smoothing", "Share of the answer spread over all categories", job.label_smoothing);
  visit("batch", "Pictures per step, of all processes together", job.batch);
  visit("epochs", "Passes over the pictures", job.epochs);
  visit("patience", "Epochs without a better one until it ends; 0 never", job.patience);
  visit("flip", "Mirror half of the pictures", job.augment.flip);
  visit("scale", "Enlarge or shrink by up to this share", job.augment.scale);
  visit("shift", "Move by up to this share of the side", job.augment.shift);
  visit("rotate_degrees", "Turn by up to this", job.augment.rotate_degrees);
  visit("colour", "Vary light and colour by this share", job.augment.colour);
  visit("blur_px", "Blur by up to this standard deviation", job.augment.blur_px);
  visit("noise", "Noise of up to this standard deviation, of 0..1", job.augment.noise);
  visit("erase", "Share of the pictures of which a part is painted over", job.augment.erase);
  visit("seed", "Of the last layer, the order and the variations", job.seed);
  visit("threads", "Processors to use", job.threads);
  visit("device", "cpu, or cuda where LibTorch has it", job.device);
}

// An object with every key.
nlohmann::ordered_json ToJson(const FineTuneJob& job);
// Sets what the object names. kUsage for a key that there is not (with the nearest) or a value of
// another kind; `where` stands in front of messages.
Status FromJson(const nlohmann::ordered_json& json, const std::string& where, FineTuneJob& job);
// kNotFound, kUsage.
Status ReadJobFile(const std::string& path, FineTuneJob& job);

// What must be the same for a training to go on: all but paths, threads, device and resume.
std::string JobFingerprint(const FineTuneJob& job);

}  // namespace deixis
