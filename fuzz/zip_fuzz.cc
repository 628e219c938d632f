// Any bytes as a zip archive: entries lie within it, apart from each other, and can be found again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "format/zip.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto archive = deixis::ZipArchive::Open(bytes);
  if (!archive.ok()) {
    Require(!archive.error().message.empty() && !archive.error().remedy.empty());
    return 0;
  }
  size_t num_data_bytes = 0;
  for (const deixis::ZipEntry& entry : archive->entries()) {
    Require(archive->Find(entry.name) == &entry);
    Require(entry.data.data() >= bytes.data());
    Require(entry.data.data() + entry.data.size() <= bytes.data() + bytes.size());
    num_data_bytes += entry.data.size();
    const auto content = deixis::ZipArchive::Read(entry);
    Require(!content.ok() || content->size() == entry.data.size());
    const auto extracted = deixis::ZipArchive::Extract(entry, 1 << 16);
    Require(!extracted.ok() || extracted->size() == entry.original_bytes);
  }
  Require(num_data_bytes <= size);  // nothing twice
  return 0;
}
