// What a session sees, drawn for people who stand by: the frame with the fingertip, the crop, how
// much of the dwell is over, and what was decided.
#pragma once

#include <string>

#include "pipeline/decision.h"
#include "pipeline/looker.h"
#include "vision/image.h"

namespace deixis {

struct PreviewState {
  Decision::State state = Decision::State::kNoFinger;
  double progress = 0;  // of the dwell, 0..1
  std::string text;     // below the frame: ASCII; letters come out as capitals, the rest as "?"
};

// The frame with a bar for the text below it. A tip and a crop are drawn when there are any.
Image DrawPreview(const Image& frame, const Look& look, const PreviewState& preview);

// Height of the bar for a frame of this height.
int64_t PreviewBarHeightPx(int64_t frame_height_px);

}  // namespace deixis
