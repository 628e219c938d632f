#include <qrencode.h>

#include <memory>

#include "studio/studio.h"

namespace deixis::studio {

std::string QrCode(const std::string& text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString(text.c_str(), 0, QR_ECLEVEL_L, QR_MODE_8, 1), &QRcode_free);
  if (code == nullptr) return {};
  static constexpr int kQuiet = 2;  // modules of white around it
  const auto is_dark = [&](int row, int column) {
    if (row < 0 || column < 0 || row >= code->width || column >= code->width) return false;
    return (code->data[row * code->width + column] & 1) != 0;
  };
  // Light modules are drawn, so that it reads on a dark terminal; with the quiet zone on a light
  // one too, inverted, which readers take.
  std::string picture;
  for (int row = -kQuiet; row < code->width + kQuiet; row += 2) {
    for (int column = -kQuiet; column < code->width + kQuiet; ++column) {
      const bool top = !is_dark(row, column);
      const bool bottom = !is_dark(row + 1, column);
      picture += top && bottom ? "\u2588" : top ? "\u2580" : bottom ? "\u2584" : " ";
    }
    picture += '\n';
  }
  return picture;
}

}  // namespace deixis::studio
