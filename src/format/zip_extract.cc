// Compressed entries of zip archives, by zlib's raw inflate (RFC 1951).
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "format/printable.h"
#include "format/zip.h"
#include "format/zip_records.h"

namespace deixis {
namespace {

// zlib counts input and output in 32 bits; more than this at once it is not asked for.
constexpr size_t kMaxStep = size_t{1} << 30;

// Ends zlib's state with it.
class Inflater {
 public:
  Inflater() : is_ready_(inflateInit2(&stream_, -MAX_WBITS) == Z_OK) {}
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (is_ready_) inflateEnd(&stream_);
  }
  bool is_ready() const { return is_ready_; }

  // All of `input` into all of `output`: the stream must end exactly with both.
  bool Inflate(std::span<const std::byte> input, std::span<std::byte> output) {
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));
    std::byte nowhere{};  // zlib wants a place to write to, also for nothing
    stream_.next_out = reinterpret_cast<Bytef*>(output.empty() ? &nowhere : output.data());
    size_t left_in = input.size();
    size_t left_out = output.size();
    while (true) {
      const size_t step_in = std::min(left_in, kMaxStep);
      const size_t step_out = std::min(left_out, kMaxStep);
      stream_.avail_in = static_cast<uInt>(step_in);
      stream_.avail_out = static_cast<uInt>(step_out);
      const int outcome = inflate(&stream_, Z_NO_FLUSH);
      left_in -= step_in - stream_.avail_in;
      left_out -= step_out - stream_.avail_out;
      if (outcome == Z_STREAM_END) return left_in == 0 && left_out == 0;
      const bool has_moved = stream_.avail_in < step_in || stream_.avail_out < step_out;
      if (outcome != Z_OK || !has_moved) return false;
    }
  }

 private:
  z_stream stream_{};
  bool is_ready_;
};

}  // namespace

Result<std::vector<std::byte>> ZipArchive::Extract(const ZipEntry& entry, uint64_t max_bytes) {
  const auto broken = [&](const std::string& finding) {
    return InvalidData("zip archive: entry " + Quoted(entry.name) + ": " + finding);
  };
  if (entry.is_encrypted) return broken("it is encrypted");
  if (entry.method != kZipMethodStored && entry.method != kZipMethodDeflate) {
    return broken("expected data stored or deflated, found compression method " +
                  std::to_string(entry.method));
  }
  if (entry.original_bytes > max_bytes) {
    return broken("expected at most " + std::to_string(max_bytes) + " bytes, found " +
                  std::to_string(entry.original_bytes));
  }
  std::vector<std::byte> bytes;
  try {
    bytes.resize(entry.original_bytes);
  } catch (const std::bad_alloc&) {
    return ResourceError("zip archive: no memory for the " + std::to_string(entry.original_bytes) +
                         " bytes of entry " + Quoted(entry.name));
  }
  if (entry.method == kZipMethodStored) {
    std::ranges::copy(entry.data, bytes.begin());
  } else {
    Inflater inflater;
    if (!inflater.is_ready()) return ResourceError("zip archive: no memory to inflate");
    if (!inflater.Inflate(entry.data, bytes)) {
      return broken("its compressed data is damaged, or not of the " +
                    std::to_string(entry.original_bytes) + " bytes that it says");
    }
  }
  if (Crc32(bytes) != entry.crc32) {
    return broken("its checksum does not match: it is damaged");
  }
  return bytes;
}

}  // namespace deixis
