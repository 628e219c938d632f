// Iterated function systems: the picture is what a point visits that is sent through one of a few
// contracting affine maps, over and over, chosen at random.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "train/formula/formula.h"

namespace deixis::formula {
namespace {

constexpr int kChains = 8;  // points that move independently, so that none waits for another
constexpr int kWarmUp = 16;
constexpr int kProbeSteps = 60;
constexpr int kProbeSide = 24;
constexpr float kMinCover = 0.12f;  // of the probe's squares

struct Map {
  float a, b, c, d, e, f;
  float share;  // of the draws, cumulative
  float tone;

  Vec2 Apply(Vec2 p) const { return {a * p.x + b * p.y + e, c * p.x + d * p.y + f}; }
};
using Maps = std::vector<Map>;

// By singular values, as Anderson and Farrell do: their sum decides how full the picture is.
Maps RandomMaps(Rng& rng) {
  const auto count = static_cast<size_t>(2 + rng.Below(5));
  Maps maps(count);
  for (Map& map : maps) {
    const float first = Uniform(rng, 0.25, 0.95);
    const float second = first * Uniform(rng, 0.15, 1);
    const float before = Uniform(rng, -scene::kPi, scene::kPi);
    const float after = Uniform(rng, -scene::kPi, scene::kPi);
    const float mirror = Chance(rng, 0.5) ? 1.0f : -1.0f;
    const auto column = [&](Vec2 axis) {
      const Vec2 turned = scene::Rotated(axis, before);
      return scene::Rotated({first * turned.x, mirror * second * turned.y}, after);
    };
    const Vec2 x = column({1, 0});
    const Vec2 y = column({0, 1});
    const float e = Uniform(rng, -1, 1);
    const float f = Uniform(rng, -1, 1);
    map = {x.x, y.x, x.y, y.y, e, f, 0, Uniform(rng, 0, 1)};
  }
  return maps;
}

// Maps are drawn by the area they leave, so that the picture is evenly filled.
void SetShares(Maps& maps) {
  float sum = 0;
  for (Map& map : maps) {
    sum += std::abs(map.a * map.d - map.b * map.c) + 0.02f;
    map.share = sum;
  }
  for (Map& map : maps) map.share /= sum;
}

// Calls visit(point, tone) steps x kChains times. False when a point leaves for infinity.
template <typename Visit>
bool Run(const Maps& maps, int steps, Rng& rng, const Visit& visit) {
  std::array<Vec2, kChains> points{};
  std::array<float, kChains> tones{};
  // A map for each of 256 bytes: one draw moves eight points.
  std::array<uint8_t, 256> chosen{};
  for (size_t byte = 0, map = 0; byte < chosen.size(); ++byte) {
    const float share = (static_cast<float>(byte) + 0.5f) / 256;
    while (map + 1 < maps.size() && maps[map].share < share) ++map;
    chosen[byte] = static_cast<uint8_t>(map);
  }
  for (int step = -kWarmUp; step < steps; ++step) {
    uint64_t bits = rng.NextBits();
    for (size_t i = 0; i < kChains; ++i, bits >>= 8) {
      const Map& map = maps[chosen[bits & 0xFF]];
      points[i] = map.Apply(points[i]);
      tones[i] = 0.5f * (tones[i] + map.tone);
      if (step >= 0) visit(points[i], tones[i]);
    }
  }
  for (const Vec2 p : points) {
    if (!(std::abs(p.x) < 1e3f && std::abs(p.y) < 1e3f)) return false;
  }
  return true;
}

struct Frame {
  Vec2 low{1e9f, 1e9f};
  Vec2 high{-1e9f, -1e9f};

  void Include(Vec2 p) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  bool IsUsable() const { return high.x - low.x > 0.05f && high.y - low.y > 0.05f; }
  // To -1..1 on both axes.
  Vec2 Place(Vec2 p) const {
    return {2 * (p.x - low.x) / (high.x - low.x) - 1, 2 * (p.y - low.y) / (high.y - low.y) - 1};
  }
};

std::optional<Frame> FrameOf(const Maps& maps, uint64_t seed) {
  Rng rng(seed);
  Frame frame;
  const bool stays = Run(maps, kProbeSteps, rng, [&](Vec2 p, float) { frame.Include(p); });
  if (!stays || !frame.IsUsable()) return std::nullopt;
  return frame;
}

bool FillsItsFrame(const Maps& maps, const Frame& frame) {
  Rng rng(7);
  std::array<bool, kProbeSide * kProbeSide> seen{};
  Run(maps, 4 * kProbeSteps, rng, [&](Vec2 p, float) {
    const Vec2 q = frame.Place(p);
    const int column = static_cast<int>((q.x + 1) * 0.5f * kProbeSide);
    const int row = static_cast<int>((q.y + 1) * 0.5f * kProbeSide);
    if (row >= 0 && row < kProbeSide && column >= 0 && column < kProbeSide) {
      seen[static_cast<size_t>(row * kProbeSide + column)] = true;
    }
  });
  const auto count = static_cast<float>(std::count(seen.begin(), seen.end(), true));
  return count >= kMinCover * static_cast<float>(seen.size());
}

class Fractal : public Formula {
 public:
  explicit Fractal(uint64_t seed) {
    Rng rng(seed);
    do {
      maps_ = RandomMaps(rng);
      SetShares(maps_);
      const auto frame = FrameOf(maps_, seed);
      usable_ = frame && FillsItsFrame(maps_, *frame);
    } while (!usable_);
  }

  void Draw(const View& view, Rng& rng, Drawing& drawing) const override {
    Maps maps = Disturbed(rng);
    std::optional<Frame> frame = FrameOf(maps, rng.NextBits());
    if (!frame) {
      maps = maps_;
      frame = FrameOf(maps, 1);
    }
    if (!frame) return;
    const float half = 0.5f * static_cast<float>(drawing.side_px);
    const auto side = static_cast<float>(drawing.side_px);
    const int steps = static_cast<int>(drawing.side_px * drawing.side_px) / 6;
    const float weight = 0.45f;
    Run(maps, steps, rng, [&](Vec2 p, float tone) {
      const Vec2 q = view.pose.ToScene(view.Waved(frame->Place(p)));
      const float x = (q.x + 1) * half;
      const float y = (q.y + 1) * half;
      if (!(x >= 0 && y >= 0 && x < side && y < side)) return;
      const size_t i = drawing.At(static_cast<int64_t>(y), static_cast<int64_t>(x));
      const float below = drawing.cover[i];
      drawing.cover[i] = below + weight * (1 - below);
      drawing.tone[i] = below == 0 ? tone : Mix(drawing.tone[i], tone, 0.3f);
      drawing.height[i] = std::min(drawing.height[i] + 0.05f, 0.3f);
    });
  }

 private:
  Maps Disturbed(Rng& rng) const {
    Maps maps = maps_;
    Map& map = maps[rng.Below(maps.size())];
    const float scale = Uniform(rng, 0.85, 1.08);
    map.a *= scale;
    map.b *= scale;
    map.c *= scale;
    map.d *= scale;
    for (Map& each : maps) {
      each.e += Uniform(rng, -0.06, 0.06);
      each.f += Uniform(rng, -0.06, 0.06);
    }
    return maps;
  }

  Maps maps_;
  bool usable_ = false;
};

}  // namespace

std::unique_ptr<Formula> MakeFractal(uint64_t seed) { return std::make_unique<Fractal>(seed); }

}  // namespace deixis::formula
