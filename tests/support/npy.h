// NumPy's .npy files of float32 in C order, as reference data has them: versions 1 and 2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/tensor.h"

namespace deixis::testing {

struct NpyArray {
  Shape shape;
  std::vector<float> values;
};

inline Result<NpyArray> ReadNpy(const std::string& path) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  const std::string bytes(reinterpret_cast<const char*>(file->bytes().data()),
                          file->bytes().size());
  if (bytes.size() < 12 || !bytes.starts_with("\x93NUMPY")) {
    return InvalidData(path + ": expected a .npy file");
  }
  const bool is_version_1 = bytes[6] == 1;
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + 8, is_version_1 ? 2 : 4);
  const size_t header_begin = is_version_1 ? 10 : 12;
  if (header_bytes > bytes.size() - header_begin) return InvalidData(path + ": header cut off");
  const std::string header = bytes.substr(header_begin, header_bytes);
  if (header.find("'<f4'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos) {
    return InvalidData(path + ": expected float32 in C order, found " + header);
  }
  NpyArray array;
  size_t at = header.find("'shape': (");
  if (at == std::string::npos) return InvalidData(path + ": no shape in the header");
  at += std::strlen("'shape': (");
  for (int64_t extent = -1; at < header.size(); ++at) {
    const char c = header[at];
    if (c >= '0' && c <= '9') {
      extent = std::max<int64_t>(extent, 0) * 10 + (c - '0');
    } else if (c == ',' || c == ')') {
      if (extent >= 0) array.shape.push_back(extent);
      extent = -1;
      if (c == ')') break;
    }
  }
  const auto count = NumElements(array.shape);
  const size_t data_begin = header_begin + header_bytes;
  if (!count || static_cast<size_t>(*count) != (bytes.size() - data_begin) / sizeof(float)) {
    return InvalidData(path + ": the data does not fit the shape " + ToString(array.shape));
  }
  array.values.resize(static_cast<size_t>(*count));
  std::memcpy(array.values.data(), bytes.data() + data_begin, bytes.size() - data_begin);
  return array;
}

}  // namespace deixis::testing
