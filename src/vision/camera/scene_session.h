// A made session in front of a camera: tables with things on them, at which a finger comes to
// point; it dwells, and leaves. A function of time, so that it can be played at any speed, with the
// truth about every moment.
//
// The same options give the same pixels at the same time on every platform.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "vision/camera/camera.h"

namespace deixis::camera {

struct SceneSessionOptions {
  uint64_t seed = 1;
  int64_t height_px = 480;
  int64_t width_px = 640;
  // What may be pointed at, one drawn for each table: indices into SceneClassNames(), kNothing for
  // the bare table, kNameless for a thing that has no name; all things when empty.
  std::vector<int> labels = {};
  int things = 1;       // 1..3 on each table; the others are any but the one pointed at
  double pointing = 1;  // 0..1, the share of tables at which a finger comes
  // 0..1, of the other tables the share at which a hand comes that does not point: for the truth
  // nobody does.
  double gesturing = 0;
  double difficulty = 0.3;  // 0..1: clutter, odd light, noise
  double brightness = 1;    // 0..1, of everything

  static constexpr int kNothing = -1;
  static constexpr int kNameless = -2;

  Status Validate() const;
};

class SceneSession {
 public:
  // `options` must be valid.
  explicit SceneSession(const SceneSessionOptions& options);
  ~SceneSession();
  SceneSession(const SceneSession&) = delete;
  SceneSession& operator=(const SceneSession&) = delete;

  struct View {
    Image image;
    SceneTruth truth;
  };
  // `time_ms` >= 0. A millisecond or two; the next table is painted by another thread meanwhile,
  // some hundred of them. Going back in time starts over from the first table.
  View At(int64_t time_ms);
  // The truth alone, without painting anything.
  SceneTruth TruthAt(int64_t time_ms);

 private:
  struct Episode;
  struct Stage;
  struct Ahead;
  Episode EpisodeAfter(const Episode* last) const;
  void Seek(int64_t time_ms);
  void PaintAhead(int64_t time_ms);
  struct Moment;
  Moment MomentAt(int64_t time_ms);

  SceneSessionOptions options_;
  std::unique_ptr<Episode> episode_;
  std::unique_ptr<Stage> stage_;  // of the episode, once something of it has been seen
  std::unique_ptr<Ahead> ahead_;  // the stage of the episode after it, once it is being painted
  std::vector<int8_t> noise_;
};

}  // namespace deixis::camera
