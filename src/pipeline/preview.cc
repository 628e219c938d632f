#include "pipeline/preview.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace deixis {
namespace {

using Colour = std::array<uint8_t, 3>;
constexpr Colour kWaiting = {255, 200, 0};
constexpr Colour kAnswered = {60, 220, 90};
constexpr Colour kBar = {16, 16, 16};
constexpr Colour kText = {240, 240, 240};

constexpr int kGlyphWidth = 5;
constexpr int kGlyphHeight = 7;
struct Glyph {
  char character;
  uint8_t rows[kGlyphHeight];  // bit 4 is the leftmost pixel
};
constexpr Glyph kGlyphs[] = {
    {'A', {0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {'B', {0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E}},
    {'C', {0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E}},
    {'D', {0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E}},
    {'E', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F}},
    {'F', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10}},
    {'G', {0x0E, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0F}},
    {'H', {0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {'I', {0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'J', {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0C}},
    {'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}},
    {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F}},
    {'M', {0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11}},
    {'N', {0x11, 0x19, 0x19, 0x15, 0x13, 0x13, 0x11}},
    {'O', {0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'P', {0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10}},
    {'Q', {0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D}},
    {'R', {0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11}},
    {'S', {0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E}},
    {'T', {0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
    {'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04}},
    {'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x1B, 0x11}},
    {'X', {0x11, 0x11, 0x0A, 0x04, 0x0A, 0x11, 0x11}},
    {'Y', {0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04}},
    {'Z', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F}},
    {'0', {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E}},
    {'1', {0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'2', {0x0E, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1F}},
    {'3', {0x1E, 0x01, 0x01, 0x0E, 0x01, 0x01, 0x1E}},
    {'4', {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02}},
    {'5', {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E}},
    {'6', {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E}},
    {'7', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E}},
    {'9', {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C}},
    {' ', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C}},
    {'-', {0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00}},
    {':', {0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00}},
    {'%', {0x18, 0x19, 0x02, 0x04, 0x08, 0x13, 0x03}},
    {'?', {0x0E, 0x11, 0x01, 0x02, 0x04, 0x00, 0x04}},
};

const Glyph& GlyphOf(char character) {
  const auto capital = static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  const auto* const found = std::ranges::find(kGlyphs, capital, &Glyph::character);
  return found != std::end(kGlyphs) ? *found : std::end(kGlyphs)[-1];
}

struct Rectangle {
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

// Of what lies inside the image.
void Fill(Image& image, const Rectangle& area, const Colour& colour) {
  const int64_t left = std::clamp<int64_t>(area.left, 0, image.width_px);
  const int64_t right = std::clamp<int64_t>(area.left + area.width, left, image.width_px);
  const int64_t top = std::clamp<int64_t>(area.top, 0, image.height_px);
  const int64_t bottom = std::clamp<int64_t>(area.top + area.height, top, image.height_px);
  for (int64_t y = top; y < bottom; ++y) {
    uint8_t* pixel = image.pixels.data() + 3 * (y * image.width_px + left);
    for (int64_t x = left; x < right; ++x, pixel += 3) std::ranges::copy(colour, pixel);
  }
}

void Outline(Image& image, const Rectangle& area, int64_t thickness, const Colour& colour) {
  Fill(image, {area.left, area.top, area.width, thickness}, colour);
  Fill(image, {area.left, area.top + area.height - thickness, area.width, thickness}, colour);
  Fill(image, {area.left, area.top, thickness, area.height}, colour);
  Fill(image, {area.left + area.width - thickness, area.top, thickness, area.height}, colour);
}

void Write(Image& image, int64_t left, int64_t top, int64_t scale, std::string_view text) {
  for (const char character : text) {
    const Glyph& glyph = GlyphOf(character);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (((glyph.rows[row] >> (kGlyphWidth - 1 - column)) & 1) == 0) continue;
        Fill(image, {left + column * scale, top + row * scale, scale, scale}, kText);
      }
    }
    left += (kGlyphWidth + 1) * scale;
  }
}

// Pixels of a glyph's pixel.
int64_t ScaleFor(int64_t frame_height_px) { return std::max<int64_t>(1, frame_height_px / 160); }

}  // namespace

int64_t PreviewBarHeightPx(int64_t frame_height_px) {
  return (kGlyphHeight + 6) * ScaleFor(frame_height_px);
}

Image DrawPreview(const Image& frame, const Look& look, const PreviewState& preview) {
  const int64_t scale = ScaleFor(frame.height_px);
  const int64_t bar_px = PreviewBarHeightPx(frame.height_px);
  Image image{.height_px = frame.height_px + bar_px, .width_px = frame.width_px, .pixels = {}};
  image.pixels.reserve(static_cast<size_t>(3 * image.height_px * image.width_px));
  image.pixels = frame.pixels;
  image.pixels.resize(static_cast<size_t>(3 * image.height_px * image.width_px));
  Fill(image, {0, frame.height_px, frame.width_px, bar_px}, kBar);

  const bool is_settled = preview.state == Decision::State::kSettled;
  const Colour& colour = is_settled ? kAnswered : kWaiting;
  if (look.crop.side_px > 0) {
    Outline(image, {look.crop.left_px, look.crop.top_px, look.crop.side_px, look.crop.side_px},
            scale, colour);
  }
  if (preview.state != Decision::State::kNoFinger) {
    const auto x = static_cast<int64_t>(std::lround(look.tip_px.x));
    const auto y = static_cast<int64_t>(std::lround(look.tip_px.y));
    const int64_t arm = 5 * scale;
    Fill(image, {x - arm, y - scale / 2, 2 * arm + 1, scale}, colour);
    Fill(image, {x - scale / 2, y - arm, scale, 2 * arm + 1}, colour);
    const double share = is_settled ? 1 : std::clamp(preview.progress, 0.0, 1.0);
    Fill(image,
         {0, frame.height_px, std::llround(share * static_cast<double>(frame.width_px)), 2 * scale},
         colour);
  }
  Write(image, 3 * scale, frame.height_px + 4 * scale, scale, preview.text);
  return image;
}

}  // namespace deixis
