// SHA-256, the digest by which `deixis info` and the listings of others name a tensor's content,
// and by which a model says what it was made from.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "base/tensor.h"

namespace deixis {

// 64 lower-case hexadecimal digits. Safe to call from any thread; O(n).
std::string Sha256Hex(std::span<const std::byte> bytes);

// Of the file's bytes. Fails when it cannot be read.
Result<std::string> Sha256OfFile(const std::string& path);

// The digest of the contiguous little-endian elements, without dtype and shape.
std::string Sha256Hex(const Tensor& tensor);

}  // namespace deixis
