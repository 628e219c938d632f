// The pictures that a backbone is pretrained on: formulas (train/formula) and made scenes, each
// class in colours, light and company that say nothing about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "train/formula/formula.h"
#include "train/picture_batch.h"

namespace deixis {

class FormulaPictures {
 public:
  // The classes follow from `seed` alone. Safe to use from any thread.
  explicit FormulaPictures(uint64_t seed);
  ~FormulaPictures();

  int num_classes() const;
  // "fractal", "contour", ... of a class.
  const std::string& FamilyOf(int label) const;
  const std::vector<std::string>& families() const { return families_; }

  // Picture number `number` is always the same, whatever else is made: [side, side, 3] RGB in
  // `pixels`, and its label returned. About 0.4 ms of one core at 64 pixels.
  int Make(uint64_t number, int64_t side_px, uint8_t* pixels) const;

  // The pictures first_number .. first_number + count - 1. The same on any number of threads.
  PictureBatch MakeBatch(uint64_t first_number, int64_t count, int64_t side_px,
                         ThreadPool& pool) const;

 private:
  struct Class {
    size_t family = 0;
    std::unique_ptr<formula::Formula> formula;  // none for a scene
    int index = 0;                              // within the family; a scene's label
  };
  struct Share {
    size_t first_class = 0;
    size_t num_classes = 0;
    double until = 0;  // cumulative share of the pictures
  };

  int DrawLabel(Rng& rng) const;
  void Compose(const Class& drawn, Rng& rng, int64_t side_px, uint8_t* pixels) const;
  formula::View RandomView(const Class& drawn, Rng& rng) const;

  uint64_t seed_;
  std::vector<std::string> families_;
  std::vector<Class> classes_;
  std::vector<Share> shares_;  // by family
};

}  // namespace deixis
