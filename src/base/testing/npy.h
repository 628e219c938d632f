// Reads the arrays that reference data comes in.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"

namespace deixis::testing {

// The float32 data of a .npy file of version 1 in C order: what follows its header.
inline std::vector<float> ReadNpyFloats(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) {
    ADD_FAILURE() << file.error().message;
    return {};
  }
  const auto bytes = (*file)->bytes();
  uint16_t header_bytes = 0;
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY\x01", 7) != 0) {
    ADD_FAILURE() << path << " is no .npy file of version 1";
    return {};
  }
  std::memcpy(&header_bytes, bytes.data() + 8, sizeof(header_bytes));
  const std::string header(reinterpret_cast<const char*>(bytes.data()) + 10, header_bytes);
  EXPECT_NE(header.find("'<f4'"), std::string::npos) << header;
  EXPECT_NE(header.find("'fortran_order': False"), std::string::npos) << header;
  const auto data = bytes.subspan(10 + size_t{header_bytes});
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace deixis::testing
