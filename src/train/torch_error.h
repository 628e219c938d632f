// LibTorch reports by exception. They end where its code is called; this says which of our errors
// one is.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "base/result.h"

namespace deixis {

inline Error TorchError(const std::exception& failure) {
  const std::string text = failure.what();
  const std::string line = text.substr(0, text.find('\n'));
  const bool is_memory = dynamic_cast<const std::bad_alloc*>(&failure) != nullptr ||
                         text.find("memory") != std::string::npos;
  if (!is_memory) return InternalError("training: " + line);
  return ResourceError("training: out of memory (" + line + ")",
                       "use a smaller --batch or --input-px, or freeze stages");
}

}  // namespace deixis
