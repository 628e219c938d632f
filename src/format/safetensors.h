// safetensors, both ways: 8 bytes of header length, a JSON header, the data without holes.
// Specification: docs/format.md, which follows the format's own README.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "format/tensor_file.h"

namespace deixis {

// Views into `file`; no tensor data is copied or even read. O(header).
Result<TensorFile> ReadSafetensors(std::shared_ptr<const MappedFile> file);
// The same from bytes in memory, which are copied.
Result<TensorFile> ReadSafetensors(std::span<const std::byte> bytes);

// Writes tensors and metadata atomically. The header keeps the order of `file`; every tensor lies
// at a multiple of its element size in the file, one whose size is a multiple of 64 bytes at a
// multiple of 64. Names must be unique, UTF-8 and not "__metadata__".
Status WriteSafetensors(const std::string& path, const TensorFile& file);

// The size of the file that WriteSafetensors makes of `file`.
int64_t SafetensorsBytes(const TensorFile& file);

}  // namespace deixis
