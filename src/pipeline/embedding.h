// What a backbone makes of pictures: the values that its head would read. Teaching fits a new head
// to these and leaves the body alone, however it is stored.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "compress/picture_set.h"
#include "network/model.h"
#include "pipeline/embedding_cache.h"

namespace deixis {

enum class HeadKind {
  kPooled,   // on the means of the last feature maps of some stages: what a thing is
  kFlatten,  // on every pixel of the last one: where it is
};
// The last stages of a backbone that a pooled head reads, where it has as many. The last map alone
// knows best what the backbone was trained to tell apart; what it was not, the maps before it tell
// as well (docs/teaching.md).
inline constexpr int kPooledStages = 3;

// The backbone's body, stored as it is, under a new head: `weight` [outputs, inputs] in the order
// of the file (PyTorch's), `bias` [outputs]. Task classify, no names, for pictures prepared as
// `preprocessing` says.
Model WithHead(const Model& backbone, HeadKind kind, const Preprocessing& preprocessing,
               std::vector<float> weight, std::vector<float> bias);

struct Embeddings {
  MapExtents map;  // 1x1 when pooled
  int64_t channels = 0;
  std::vector<int64_t> map_channels;   // of each map whose means they are; their sum is `channels`
  int64_t views = 1;                   // of each picture: itself, then its varied copies
  std::vector<float> values;           // [pictures, views, map, channels], each a half float
  std::vector<PictureSize> sizes;      // of the pictures themselves
  std::vector<int64_t> row_of_sample;  // samples that mark the same picture share its row

  int64_t length() const { return map.num_pixels() * channels; }
  int64_t num_pictures() const { return static_cast<int64_t>(sizes.size()); }
  std::span<const float> Row(int64_t picture, int64_t view = 0) const {
    return std::span(values).subspan((picture * views + view) * length(), length());
  }
};

struct EmbedOptions {
  HeadKind kind = HeadKind::kPooled;
  int pooled_stages = kPooledStages;
  // So many copies of each picture are looked at as well, each as a camera would have seen the
  // thing from a little nearer, further, to the side, or in other light (vision/augment.h). What a
  // copy is follows from the picture and the copy's number alone.
  int varied_copies = 0;
  EmbeddingCache cache;  // keeps nothing unless told
  // Pictures embedded so far, of all; false stops with kInterrupted. May be empty.
  std::function<bool(int64_t done, int64_t total)> progress;
};

// The backbone as Embed() and WithHead() take it: its architecture says how many stages a pooled
// head reads, and where activations are rounded, the means that it reads have a scale that holds
// those of the pictures; some 64 of them are looked at, and the scale serves some more pictures
// than these.
Result<Model> ToEmbed(const Model& backbone, PictureSet& pictures, const EmbedOptions& options,
                      ThreadPool& pool);

// Every picture of the dataset once, prepared as `pictures` does.
Result<Embeddings> Embed(const Model& backbone, PictureSet& pictures, const EmbedOptions& options,
                         ThreadPool& pool);

}  // namespace deixis
