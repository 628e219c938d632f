// A window that shows pictures one after the other, where there is a display. Through SDL 2, which
// is loaded when the first window is opened: a device without a display needs none of it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "vision/image.h"

namespace deixis {

// Used by one thread.
class PreviewWindow {
 public:
  // kDeviceUnavailable without SDL 2 or without a display, with what to do.
  static Result<std::unique_ptr<PreviewWindow>> Open(const std::string& title);
  virtual ~PreviewWindow() = default;

  // Scaled to the window, which takes the size of the first picture. Does not wait for the screen.
  virtual Status Show(const Image& image) = 0;
  // The wearer's helper has closed it, or pressed Escape or Q.
  virtual bool WasClosed() = 0;
};

}  // namespace deixis
