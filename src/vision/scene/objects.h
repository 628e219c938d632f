// The everyday things that a scene can show, each drawn from a few shapes with random proportions,
// colours and patterns.
#pragma once

#include <span>
#include <string_view>

#include "base/rng.h"
#include "vision/scene/canvas.h"
#include "vision/scene/shapes.h"

namespace deixis::scene {

// Where and in which light shapes are painted.
struct Brush {
  Layer& layer;
  Pose pose;
  Light light;

  // Object coordinates beyond [-kReach, kReach] are not painted.
  static constexpr float kReach = 1.3f;

  template <typename Sdf, typename Pattern>
  void Fill(const Material& material, const Sdf& sdf, const Pattern& pattern) const {
    layer.Paint(pose, kReach, light, material, sdf, pattern);
  }
  template <typename Sdf>
  void Fill(const Material& material, const Sdf& sdf, const Colour& colour) const {
    layer.Paint(pose, kReach, light, material, sdf, [&](Vec2) { return colour; });
  }
};

inline float Uniform(Rng& rng, double low, double high) {
  return static_cast<float>(rng.Uniform(low, high));
}
inline bool Chance(Rng& rng, double probability) { return rng.Unit() < probability; }

// Random numbers are drawn within braces or in statements of their own, never as several arguments
// of one call: compilers differ in which argument they evaluate first.

inline constexpr Colour kWhite{0.95f, 0.94f, 0.92f, 1};  // as paint and paper are
inline constexpr Colour kBlack{0.08f, 0.08f, 0.09f, 1};
inline constexpr Colour kNothing{0, 0, 0, 0};

// Hue in turns, saturation and value in 0..1.
struct Hsv {
  float hue;
  float saturation;
  float value;
};
Colour FromHsv(const Hsv& colour);
// Any strong colour; any colour that cloth, plastic or paint may have.
Colour VividColour(Rng& rng);
Colour AnyColour(Rng& rng);
Colour MetalColour(Rng& rng);
Colour WoodColour(Rng& rng);

// An object fills about [-1, 1] x [-1, 1] of its own coordinates, y down.
void DrawApple(const Brush& brush, Rng& rng);
void DrawBall(const Brush& brush, Rng& rng);
void DrawBanana(const Brush& brush, Rng& rng);
void DrawBook(const Brush& brush, Rng& rng);
void DrawBottle(const Brush& brush, Rng& rng);
void DrawBowl(const Brush& brush, Rng& rng);
void DrawBulb(const Brush& brush, Rng& rng);
void DrawComb(const Brush& brush, Rng& rng);
void DrawFork(const Brush& brush, Rng& rng);
void DrawGlasses(const Brush& brush, Rng& rng);
void DrawHammer(const Brush& brush, Rng& rng);
void DrawKey(const Brush& brush, Rng& rng);
void DrawMug(const Brush& brush, Rng& rng);
void DrawPencil(const Brush& brush, Rng& rng);
void DrawPhone(const Brush& brush, Rng& rng);
void DrawRemote(const Brush& brush, Rng& rng);
void DrawScissors(const Brush& brush, Rng& rng);
void DrawSpoon(const Brush& brush, Rng& rng);
void DrawToothbrush(const Brush& brush, Rng& rng);
void DrawWatch(const Brush& brush, Rng& rng);
// Another one each time: it belongs to no kind.
void DrawNameless(const Brush& brush, Rng& rng);

struct ObjectKind {
  std::string_view name;
  void (*draw)(const Brush& brush, Rng& rng);
  float max_turn;  // radians from upright; things that lie about are turned to any side
  bool is_flat;    // looks shorter when the table is seen at an angle
};

// In the order of their labels, which is that of their names.
std::span<const ObjectKind> ObjectKinds();
// Of things without a name; it has no label.
const ObjectKind& NamelessKind();

}  // namespace deixis::scene
