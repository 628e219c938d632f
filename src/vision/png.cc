// PNG by libpng: every colour type to 8-bit RGB, and back.

#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstring>

#include "vision/codecs.h"

namespace deixis::internal {
namespace {

struct PngSession {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump;
  char message[256] = {};
  std::span<const std::byte> unread;      // reading
  std::vector<std::byte>* out = nullptr;  // writing
  bool is_truncated = false;
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* session = static_cast<PngSession*>(png_get_error_ptr(png));
  std::strncpy(session->message, message, sizeof(session->message) - 1);
  std::longjmp(session->jump, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void ReadBytes(png_structp png, png_bytep target, size_t count) {
  auto* session = static_cast<PngSession*>(png_get_io_ptr(png));
  if (session->unread.size() < count) {
    session->is_truncated = true;
    png_error(png, "the file ends in the middle of the picture");
  }
  std::memcpy(target, session->unread.data(), count);
  session->unread = session->unread.subspan(count);
}

void WriteBytes(png_structp png, png_bytep source, size_t count) {
  auto* session = static_cast<PngSession*>(png_get_io_ptr(png));
  const auto bytes = std::as_bytes(std::span(source, count));
  session->out->insert(session->out->end(), bytes.begin(), bytes.end());
}

void Flush(png_structp) {}

// No object with a destructor lives in the functions with setjmp, so a longjmp skips nothing.
bool ReadHeader(PngSession& session) {
  if (setjmp(session.jump) != 0) return false;
  png_set_read_fn(session.png, &session, ReadBytes);
  png_set_user_limits(session.png, 0x7FFFFFFF, 0x7FFFFFFF);  // CheckExtents has its own words
  png_set_chunk_malloc_max(session.png, 1 << 20);  // of a compressed comment, profile, ...
  png_read_info(session.png, session.info);
  return true;
}

bool StartRows(PngSession& session) {
  if (setjmp(session.jump) != 0) return false;
  png_set_strip_16(session.png);
  png_set_expand(session.png);  // palette and small grey depths to 8 bits
  png_set_strip_alpha(session.png);
  png_set_gray_to_rgb(session.png);
  png_set_interlace_handling(session.png);
  png_read_update_info(session.png, session.info);
  return true;
}

bool ReadRows(PngSession& session, png_bytepp rows) {
  if (setjmp(session.jump) != 0) return false;
  png_read_image(session.png, rows);
  png_read_end(session.png, session.info);
  return true;
}

bool WriteRows(PngSession& session, const Image& image, PngEffort effort, png_bytepp rows) {
  if (setjmp(session.jump) != 0) return false;
  if (effort == PngEffort::kFast) {
    // The noise of a camera has no repetitions that are worth seeking.
    png_set_compression_level(session.png, 1);
    png_set_compression_strategy(session.png, Z_RLE);
    png_set_filter(session.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
  }
  png_set_write_fn(session.png, &session, WriteBytes, Flush);
  png_set_IHDR(session.png, session.info, static_cast<png_uint_32>(image.width_px),
               static_cast<png_uint_32>(image.height_px), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(session.png, session.info);
  png_write_image(session.png, rows);
  png_write_end(session.png, nullptr);
  return true;
}

Error Failure(const PngSession& session) {
  if (session.is_truncated) {
    return InvalidData("truncated PNG: the file ends in the middle of the picture",
                       "copy or download it again");
  }
  return InvalidData(std::string("damaged PNG: ") + session.message);
}

// libpng's structures, freed on every way out.
class Reader {
 public:
  Reader() {
    session.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, OnError, OnWarning);
    if (session.png != nullptr) session.info = png_create_info_struct(session.png);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&session.png, &session.info, nullptr); }
  PngSession session;
};

class Writer {
 public:
  Writer() {
    session.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &session, OnError, OnWarning);
    if (session.png != nullptr) session.info = png_create_info_struct(session.png);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&session.png, &session.info); }
  PngSession session;
};

int ExifOrientation(const PngSession& session) {
  png_bytep exif = nullptr;
  png_uint_32 num_bytes = 0;
  if (png_get_eXIf_1(session.png, session.info, &num_bytes, &exif) == 0 || exif == nullptr)
    return 1;
  return OrientationOf(std::as_bytes(std::span(exif, num_bytes)));
}

std::vector<png_bytep> RowPointers(uint8_t* pixels, int64_t height_px, int64_t row_bytes) {
  std::vector<png_bytep> rows(static_cast<size_t>(height_px));
  for (int64_t y = 0; y < height_px; ++y) rows[y] = pixels + y * row_bytes;
  return rows;
}

}  // namespace

Result<DecodedImage> DecodePng(std::span<const std::byte> bytes) {
  Reader reader;
  PngSession& session = reader.session;
  if (session.info == nullptr) return ResourceError("out of memory in the PNG decoder");
  session.unread = bytes;
  if (!ReadHeader(session)) return Failure(session);
  DecodedImage decoded;
  decoded.image.height_px = png_get_image_height(session.png, session.info);
  decoded.image.width_px = png_get_image_width(session.png, session.info);
  DEIXIS_RETURN_IF_ERROR(CheckExtents(decoded.image.height_px, decoded.image.width_px));
  if (!StartRows(session)) return Failure(session);
  const int64_t row_bytes = 3 * decoded.image.width_px;
  if (static_cast<int64_t>(png_get_rowbytes(session.png, session.info)) != row_bytes) {
    return InternalError("PNG decoder: expected rows of " + std::to_string(row_bytes) + " bytes");
  }
  decoded.image.pixels.resize(static_cast<size_t>(decoded.image.height_px * row_bytes));
  auto rows = RowPointers(decoded.image.pixels.data(), decoded.image.height_px, row_bytes);
  if (!ReadRows(session, rows.data())) return Failure(session);
  decoded.orientation = ExifOrientation(session);
  return decoded;
}

Result<std::vector<std::byte>> EncodePng(const Image& image, PngEffort effort) {
  DEIXIS_RETURN_IF_ERROR(CheckExtents(image.height_px, image.width_px));
  Writer writer;
  PngSession& session = writer.session;
  if (session.info == nullptr) return ResourceError("out of memory in the PNG encoder");
  std::vector<std::byte> bytes;
  session.out = &bytes;
  auto* pixels = const_cast<uint8_t*>(image.pixels.data());  // libpng's old interface; not written
  auto rows = RowPointers(pixels, image.height_px, 3 * image.width_px);
  if (!WriteRows(session, image, effort, rows.data())) {
    return InternalError(std::string("PNG encoder: ") + session.message);
  }
  return bytes;
}

}  // namespace deixis::internal
