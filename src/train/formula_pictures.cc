#include "train/formula_pictures.h"

#include <algorithm>
#include <cmath>

#include "train/formula/palette.h"
#include "vision/scene/objects.h"
#include "vision/scene/scene.h"
#include "vision/scene/shapes.h"

namespace deixis {
namespace {

using formula::Chance;
using formula::Drawing;
using formula::Palette;
using formula::Uniform;
using formula::View;
using scene::Clamp01;
using scene::Colour;
using scene::Mix;
using scene::Vec2;

enum Family : size_t { kFractal, kContour, kTexture, kTree, kSolid, kHand, kScene };

// How many classes a family has (scenes as many as there are), and how many of all pictures show
// it.
struct FamilyPlan {
  const char* name;
  int num_classes;
  double share;
};
constexpr FamilyPlan kPlan[] = {
    {"fractal", 300, 0.20}, {"contour", 150, 0.11}, {"texture", 300, 0.17}, {"tree", 80, 0.07},
    {"solid", 300, 0.20},   {"hand", 256, 0.17},    {"scene", 0, 0.08},
};

// A hand is another sign with its fingers down than with them up: each is four classes, a quarter
// turn apart.
constexpr int kQuarterTurns = 4;
static_assert(kPlan[kHand].num_classes == kQuarterTurns * formula::kNumHands);

std::unique_ptr<formula::Formula> MakeFormula(size_t family, int index, uint64_t seed) {
  switch (family) {
    case kFractal:
      return formula::MakeFractal(seed);
    case kContour:
      return formula::MakeContour(seed);
    case kTexture:
      return formula::MakeTexture(seed);
    case kTree:
      return formula::MakeTree(seed);
    case kSolid:
      return formula::MakeSolid(seed);
    case kHand: {
      const int hand = index / kQuarterTurns;
      return formula::MakeHand(hand / 2, hand % 2 == 0);
    }
    default:
      return nullptr;
  }
}

// A picture in the making: [side, side] colours.
struct Canvas {
  explicit Canvas(int64_t side)
      : side_px(side), colours(static_cast<size_t>(side * side), Colour{0, 0, 0, 1}) {}
  int64_t side_px;
  std::vector<Colour> colours;
};

struct Lamp {
  Vec2 towards;      // in the plane of the picture
  float relief = 0;  // how much slopes show
};

// A drawing in its colours over what the canvas shows; slopes that face the lamp are brighter.
void Lay(const Drawing& drawing, const Palette& palette, const Lamp& lamp, float opacity,
         Canvas& canvas) {
  const int64_t side = drawing.side_px;
  const float scale = 0.25f * static_cast<float>(side) * lamp.relief;
  for (int64_t row = 0; row < side; ++row) {
    const int64_t above = std::max<int64_t>(row - 1, 0);
    const int64_t below = std::min(row + 1, side - 1);
    for (int64_t column = 0; column < side; ++column) {
      const size_t i = drawing.At(row, column);
      const float cover = opacity * drawing.cover[i];
      if (cover <= 0) continue;
      const int64_t left = std::max<int64_t>(column - 1, 0);
      const int64_t right = std::min(column + 1, side - 1);
      const Vec2 slope = {
          drawing.height[drawing.At(row, right)] - drawing.height[drawing.At(row, left)],
          drawing.height[drawing.At(below, column)] - drawing.height[drawing.At(above, column)]};
      const float facing = -scale * scene::Dot(slope, lamp.towards);
      const float light = 1 + 0.55f * facing / (1 + std::abs(facing));
      Colour& under = canvas.colours[i];
      under = scene::Mix(under, scene::Scaled(palette.At(drawing.tone[i]), light), cover);
      under.a = 1;
    }
  }
}

// Twice a box of `radius` pixels, in place, over one plane.
void Soften(std::vector<float>& plane, int64_t side, int64_t radius) {
  std::vector<float> other(plane.size());
  const float share = 1 / static_cast<float>(2 * radius + 1);
  const auto pass = [&](const std::vector<float>& in, std::vector<float>& out, int64_t step,
                        int64_t line_step) {
    for (int64_t line = 0; line < side; ++line) {
      for (int64_t at = 0; at < side; ++at) {
        float sum = 0;
        for (int64_t d = -radius; d <= radius; ++d) {
          const int64_t from = std::clamp<int64_t>(at + d, 0, side - 1);
          sum += in[static_cast<size_t>(line * line_step + from * step)];
        }
        out[static_cast<size_t>(line * line_step + at * step)] = share * sum;
      }
    }
  };
  pass(plane, other, 1, side);
  pass(other, plane, side, 1);
}

void CastShadow(const Drawing& drawing, Vec2 lamp, Rng& rng, Canvas& canvas) {
  const int64_t side = drawing.side_px;
  const float drop = Uniform(rng, 0.01, 0.08) * static_cast<float>(side);
  const auto rows = static_cast<int64_t>(-drop * lamp.y);
  const auto columns = static_cast<int64_t>(-drop * lamp.x);
  const float darkness = Uniform(rng, 0.2, 0.7);
  std::vector<float> shade(drawing.cover.size(), 0.0f);
  for (int64_t row = std::max<int64_t>(rows, 0); row < std::min(side, side + rows); ++row) {
    for (int64_t column = std::max<int64_t>(columns, 0); column < std::min(side, side + columns);
         ++column) {
      shade[drawing.At(row, column)] = drawing.cover[drawing.At(row - rows, column - columns)];
    }
  }
  Soften(shade, side, std::max<int64_t>(side / 48, 1));
  for (size_t i = 0; i < shade.size(); ++i) {
    canvas.colours[i] = scene::Scaled(canvas.colours[i], 1 - darkness * shade[i]);
  }
}

// Things of no class: a few ellipses, boxes and bars.
void AddCompany(int64_t side, int count, const Lamp& lamp, Rng& rng, Canvas& canvas) {
  Drawing drawing(side);
  for (int i = 0; i < count; ++i) {
    drawing.Clear();
    const float angle = Uniform(rng, -scene::kPi, scene::kPi);
    const float size = Uniform(rng, 0.1, 0.5);
    const Vec2 origin = {Uniform(rng, -1, 1), Uniform(rng, -1, 1)};
    const View view{.pose = {.x_axis = scene::Rotated({size, 0}, angle),
                             .y_axis = scene::Rotated({0, size}, angle),
                             .origin = origin},
                    .wave = 0,
                    .phase = {}};
    const float aspect = Uniform(rng, 0.15, 1);
    const uint64_t kind = rng.Below(3);
    drawing.Fill(
        view, {0, 0}, 1.5f, 0.4f, 0.2f,
        [&](Vec2 p) {
          return kind == 0   ? scene::Ellipse(p, {0, 0}, {1, aspect})
                 : kind == 1 ? scene::Box(p, {0, 0}, {1, aspect}, 0.1f)
                             : scene::Capsule(p, {-1, 0}, {1, 0}, 0.3f * aspect, 0.2f * aspect);
        },
        [](Vec2) { return 0.5f; });
    Lay(drawing, Palette::Plain(scene::AnyColour(rng)), lamp, 1, canvas);
  }
}

void BlurOnce(Canvas& canvas, float strength) {
  const int64_t side = canvas.side_px;
  const Canvas before = canvas;
  for (int64_t row = 1; row + 1 < side; ++row) {
    for (int64_t column = 1; column + 1 < side; ++column) {
      const auto at = static_cast<size_t>(row * side + column);
      const auto s = static_cast<size_t>(side);
      const Colour& a = before.colours[at - 1];
      const Colour& b = before.colours[at + 1];
      const Colour& c = before.colours[at - s];
      const Colour& d = before.colours[at + s];
      const Colour around = {(a.r + b.r + c.r + d.r) / 4, (a.g + b.g + c.g + d.g) / 4,
                             (a.b + b.b + c.b + d.b) / 4, 1};
      canvas.colours[at] = scene::Mix(before.colours[at], around, strength);
    }
  }
}

// What the camera makes of it: light that falls off, contrast, a cast, blur, noise.
void Develop(Canvas& canvas, Rng& rng, uint8_t* pixels) {
  const int64_t side = canvas.side_px;
  if (Chance(rng, 0.4)) BlurOnce(canvas, Uniform(rng, 0.1, 0.8));
  const float gain = Uniform(rng, 0.7, 1.25);
  const float contrast = Uniform(rng, 0.7, 1.25);
  const Vec2 fall =
      scene::Rotated({Uniform(rng, 0, 0.35), 0}, Uniform(rng, -scene::kPi, scene::kPi));
  const float warmth = Uniform(rng, -0.12, 0.12);
  const float grey = Chance(rng, 0.08) ? 1.0f : 0.0f;
  const float noise = Uniform(rng, 0, 0.07) * Uniform(rng, 0, 1);
  const Colour gains = {gain * (1 + warmth), gain, gain * (1 - warmth), 1};
  const float step = 2 / static_cast<float>(side);
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      const auto i = static_cast<size_t>(row * side + column);
      const float light = 1 + fall.x * (static_cast<float>(column) * step - 1) +
                          fall.y * (static_cast<float>(row) * step - 1);
      Colour colour = canvas.colours[i];
      const float mean = 0.3f * colour.r + 0.59f * colour.g + 0.11f * colour.b;
      colour = scene::Mix(colour, {mean, mean, mean, 1}, grey);
      const uint64_t bits = rng.NextBits();
      const auto speck = [&](int shift) {
        const auto sum =
            static_cast<int32_t>((bits >> shift & 0x3FF) + (bits >> (shift + 10) & 0x3FF));
        return noise * static_cast<float>(sum - 1023) / 418;
      };
      const auto develop = [&](float value, float channel_gain, int shift) {
        const float lit = (value * light * channel_gain - 0.5f) * contrast + 0.5f + speck(shift);
        return static_cast<uint8_t>(Clamp01(lit) * 255 + 0.5f);
      };
      pixels[3 * i] = develop(colour.r, gains.r, 0);
      pixels[3 * i + 1] = develop(colour.g, gains.g, 20);
      pixels[3 * i + 2] = develop(colour.b, gains.b, 40);
    }
  }
}

View PlacedView(float size, float max_turn, float max_wave, Rng& rng) {
  const float turn = Uniform(rng, -max_turn, max_turn);
  const float mirror = Chance(rng, 0.5) ? 1.0f : -1.0f;
  // Seen at an angle: shorter in one direction.
  const float side = Uniform(rng, -scene::kPi, scene::kPi);
  const float shortened = Uniform(rng, 0.75, 1);
  const auto seen = [&](Vec2 axis) {
    Vec2 along = scene::Rotated(scene::Rotated(axis, turn), side);
    along.y *= shortened;
    return scene::Rotated(along, -side);
  };
  const float room = 0.35f + 0.5f * std::max(0.0f, 0.9f - size);
  View view;
  view.pose = {.x_axis = seen({mirror * size, 0}),
               .y_axis = seen({0, size}),
               .origin = {Uniform(rng, -room, room), Uniform(rng, -room, room)}};
  view.wave_number = Uniform(rng, 2, 4);
  view.wave = max_wave * Uniform(rng, 0, 1) / view.wave_number;
  view.phase = {Uniform(rng, -3, 3), Uniform(rng, -3, 3)};
  return view;
}

}  // namespace

FormulaPictures::~FormulaPictures() = default;

FormulaPictures::FormulaPictures(uint64_t seed) : seed_(seed) {
  double until = 0;
  for (size_t family = 0; family < std::size(kPlan); ++family) {
    const FamilyPlan& plan = kPlan[family];
    families_.emplace_back(plan.name);
    const int count =
        family == kScene ? static_cast<int>(SceneClassNames().size()) : plan.num_classes;
    shares_.push_back({.first_class = classes_.size(),
                       .num_classes = static_cast<size_t>(count),
                       .until = until += plan.share});
    Rng seeds(seed + 0x1000 * (family + 1));
    for (int i = 0; i < count; ++i) {
      classes_.push_back(
          {.family = family, .formula = MakeFormula(family, i, seeds.NextBits()), .index = i});
    }
  }
}

int FormulaPictures::num_classes() const { return static_cast<int>(classes_.size()); }

const std::string& FormulaPictures::FamilyOf(int label) const {
  return families_[classes_[static_cast<size_t>(label)].family];
}

int FormulaPictures::DrawLabel(Rng& rng) const {
  const double at = rng.Unit() * shares_.back().until;
  for (const Share& share : shares_) {
    if (at < share.until) return static_cast<int>(share.first_class + rng.Below(share.num_classes));
  }
  return static_cast<int>(shares_.back().first_class);
}

formula::View FormulaPictures::RandomView(const Class& drawn, Rng& rng) const {
  const float size = Uniform(rng, 0.6, 1.25);
  switch (drawn.family) {
    case kHand: {
      View view = PlacedView(size, 0.6f, 0.06f, rng);
      const float turn = 0.5f * scene::kPi * static_cast<float>(drawn.index % kQuarterTurns);
      view.pose.x_axis = scene::Rotated(view.pose.x_axis, turn);
      view.pose.y_axis = scene::Rotated(view.pose.y_axis, turn);
      return view;
    }
    case kTexture:
      return PlacedView(size, scene::kPi, 0.25f, rng);
    case kFractal:
      return PlacedView(size, 0.8f, 0.3f, rng);
    default:
      return PlacedView(size, Chance(rng, 0.3) ? scene::kPi : 0.7f, 0.3f, rng);
  }
}

void FormulaPictures::Compose(const Class& drawn, Rng& rng, int64_t side_px,
                              uint8_t* pixels) const {
  Canvas canvas(side_px);
  Drawing drawing(side_px);
  const Lamp lamp{.towards = scene::Rotated({0, -1}, Uniform(rng, -2, 2)),
                  .relief = Uniform(rng, 0.1, 1)};
  // Behind: a colour, a fading one, or any texture, mostly faint.
  const Colour first = scene::AnyColour(rng);
  const Colour last = Chance(rng, 0.3) ? first : scene::AnyColour(rng);
  const Vec2 along = scene::Rotated({0.5f, 0}, Uniform(rng, -scene::kPi, scene::kPi));
  for (int64_t row = 0; row < side_px; ++row) {
    for (int64_t column = 0; column < side_px; ++column) {
      const float t = Clamp01(0.5f + scene::Dot(along, drawing.SceneOf(row, column)));
      canvas.colours[drawing.At(row, column)] = scene::Mix(first, last, t);
    }
  }
  if (Chance(rng, drawn.family == kTexture ? 0.2 : 0.5)) {
    const Share& textures = shares_[kTexture];
    const Class& behind = classes_[textures.first_class + rng.Below(textures.num_classes)];
    behind.formula->Draw(RandomView(behind, rng), rng, drawing);
    const Palette palette = Palette::Random(rng);
    const float opacity = Uniform(rng, 0.1, 0.9);
    Lay(drawing, palette, lamp, opacity * opacity, canvas);
    drawing.Clear();
  }
  AddCompany(side_px, Chance(rng, 0.4) ? static_cast<int>(1 + rng.Below(3)) : 0, lamp, rng, canvas);

  drawn.formula->Draw(RandomView(drawn, rng), rng, drawing);
  if (drawn.family == kTexture && Chance(rng, 0.5)) {
    // Cut to a blob, so that textures are also seen on things.
    Drawing blob(side_px);
    const auto outline = formula::MakeContour(rng.NextBits());
    outline->Draw(PlacedView(Uniform(rng, 0.9, 1.4), scene::kPi, 0.2f, rng), rng, blob);
    drawing.cover = blob.cover;
  }
  if (Chance(rng, 0.5)) CastShadow(drawing, lamp.towards, rng, canvas);
  const Palette palette =
      drawn.family == kHand && !Chance(rng, 0.1) ? Palette::Skin(rng) : Palette::Random(rng);
  Lay(drawing, palette, lamp, 1, canvas);
  if (Chance(rng, 0.15)) AddCompany(side_px, 1, lamp, rng, canvas);
  Develop(canvas, rng, pixels);
}

int FormulaPictures::Make(uint64_t number, int64_t side_px, uint8_t* pixels) const {
  // Neighbouring numbers must give unrelated pictures.
  Rng rng(Rng(seed_ * 0x632BE59BD9B4E019u + number).NextBits());
  const int label = DrawLabel(rng);
  const Class& drawn = classes_[static_cast<size_t>(label)];
  if (drawn.family == kScene) {
    const Scene scene = GenerateScene(
        rng.NextBits(),
        {.height_px = side_px, .width_px = side_px, .label = drawn.index, .hand_probability = 0.3});
    std::copy(scene.image.pixels.begin(), scene.image.pixels.end(), pixels);
  } else {
    Compose(drawn, rng, side_px, pixels);
  }
  return label;
}

PictureBatch FormulaPictures::MakeBatch(uint64_t first_number, int64_t count, int64_t side_px,
                                        ThreadPool& pool) const {
  PictureBatch batch;
  batch.height_px = side_px;
  batch.width_px = side_px;
  batch.pixels.resize(static_cast<size_t>(count * batch.picture_bytes()));
  batch.labels.resize(static_cast<size_t>(count));
  pool.ParallelFor(count, [&](int64_t i, int) {
    batch.labels[static_cast<size_t>(i)] = Make(first_number + static_cast<uint64_t>(i), side_px,
                                                batch.pixels.data() + i * batch.picture_bytes());
  });
  return batch;
}

}  // namespace deixis
