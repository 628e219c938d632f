// JPEG by libjpeg-turbo with the settings that PIL uses (integer DCT, smooth chroma upsampling), so
// that a picture has the same bytes here as where networks are trained.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// clang-format off: jpeglib.h needs <cstdio> before it, jerror.h needs jpeglib.h
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "vision/codecs.h"

namespace deixis::internal {
namespace {

// A progressive file may hold any number of scans over the same pixels; a real one has about ten.
constexpr int kMaxScans = 100;

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = {};
  bool is_truncated = false;
  bool has_too_many_scans = false;
};

void OnError(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  (*info->err->format_message)(info, state->message);
  std::longjmp(state->jump, 1);
}

// Warnings: a decoder goes on after them. Only the end of the data makes a picture unusable: what
// is missing would be grey.
void OnMessage(j_common_ptr info, int level) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) state->is_truncated = true;
}

void OnProgress(j_common_ptr info) {
  auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number <= kMaxScans) return;
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  state->has_too_many_scans = true;
  std::longjmp(state->jump, 1);
}

// What is inside setjmp's reach: no object with a destructor lives in the functions below, so a
// longjmp skips nothing.
struct JpegSession {
  jpeg_decompress_struct decoder;
  jpeg_progress_mgr progress;
  ErrorState error;
};

// Reads the header and starts decoding; the output's extents and channels are then known.
bool Start(JpegSession& session, std::span<const std::byte> bytes) {
  if (setjmp(session.error.jump) != 0) return false;
  jpeg_create_decompress(&session.decoder);
  jpeg_mem_src(&session.decoder, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&session.decoder, JPEG_APP0 + 1, 0xFFFF);  // EXIF
  jpeg_read_header(&session.decoder, TRUE);
  const bool has_four =
      session.decoder.jpeg_color_space == JCS_CMYK || session.decoder.jpeg_color_space == JCS_YCCK;
  session.decoder.out_color_space = has_four ? JCS_CMYK : JCS_RGB;
  return true;
}

// `rows` has output_height pointers of output_width * output_components bytes.
bool ReadRows(JpegSession& session, unsigned char** rows) {
  if (setjmp(session.error.jump) != 0) return false;
  session.progress.progress_monitor = OnProgress;
  session.decoder.progress = &session.progress;
  jpeg_start_decompress(&session.decoder);
  while (session.decoder.output_scanline < session.decoder.output_height) {
    jpeg_read_scanlines(&session.decoder, rows + session.decoder.output_scanline, 1);
  }
  jpeg_finish_decompress(&session.decoder);
  return true;
}

struct EncoderSession {
  jpeg_compress_struct encoder;
  ErrorState error;
  unsigned char* bytes;  // libjpeg's, by malloc
  unsigned long num_bytes;
};

bool WriteRows(EncoderSession& session, const Image& image, int quality) {
  if (setjmp(session.error.jump) != 0) return false;
  jpeg_compress_struct& encoder = session.encoder;
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, &session.bytes, &session.num_bytes);
  encoder.image_width = static_cast<JDIMENSION>(image.width_px);
  encoder.image_height = static_cast<JDIMENSION>(image.height_px);
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, quality, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  while (encoder.next_scanline < encoder.image_height) {
    // libjpeg's old interface; not written.
    auto* row = const_cast<unsigned char*>(image.pixels.data()) +
                3 * image.width_px * static_cast<int64_t>(encoder.next_scanline);
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  return true;
}

class EncoderGuard {
 public:
  explicit EncoderGuard(EncoderSession& session) : session_(session) {}
  EncoderGuard(const EncoderGuard&) = delete;
  EncoderGuard& operator=(const EncoderGuard&) = delete;
  ~EncoderGuard() {
    jpeg_destroy_compress(&session_.encoder);
    std::free(session_.bytes);
  }

 private:
  EncoderSession& session_;
};

class DecoderGuard {
 public:
  explicit DecoderGuard(JpegSession& session) : session_(session) {}
  DecoderGuard(const DecoderGuard&) = delete;
  DecoderGuard& operator=(const DecoderGuard&) = delete;
  ~DecoderGuard() { jpeg_destroy_decompress(&session_.decoder); }

 private:
  JpegSession& session_;
};

Error Failure(const JpegSession& session) {
  if (session.error.has_too_many_scans) {
    return InvalidData("JPEG with more than " + std::to_string(kMaxScans) +
                       " scans, which no camera writes");
  }
  return InvalidData(std::string("damaged JPEG: ") + session.error.message);
}

// Adobe's CMYK is stored inverted: 255 means no ink. Rounded as PIL does.
void CmykRowToRgb(const std::vector<uint8_t>& cmyk, uint8_t* rgb) {
  for (size_t x = 0; x < cmyk.size() / 4; ++x) {
    const int white = cmyk[4 * x + 3];
    for (size_t c = 0; c < 3; ++c) {
      const int scaled = (255 - cmyk[4 * x + c]) * white + 128;
      rgb[3 * x + c] = static_cast<uint8_t>(white - (((scaled >> 8) + scaled) >> 8));
    }
  }
}

int ExifOrientation(const jpeg_decompress_struct& decoder) {
  constexpr char kSignature[] = "Exif\0";  // and the terminating zero: six bytes
  for (const auto* marker = decoder.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1 || marker->data_length < sizeof(kSignature) ||
        std::memcmp(marker->data, kSignature, sizeof(kSignature)) != 0) {
      continue;
    }
    return OrientationOf(
        std::as_bytes(std::span(marker->data, marker->data_length)).subspan(sizeof(kSignature)));
  }
  return 1;
}

}  // namespace

Result<DecodedImage> DecodeJpeg(std::span<const std::byte> bytes) {
  JpegSession session{};
  session.decoder.err = jpeg_std_error(&session.error.manager);
  session.error.manager.error_exit = OnError;
  session.error.manager.emit_message = OnMessage;
  const DecoderGuard guard(session);
  if (!Start(session, bytes)) return Failure(session);
  const auto height_px = static_cast<int64_t>(session.decoder.image_height);
  const auto width_px = static_cast<int64_t>(session.decoder.image_width);
  DEIXIS_RETURN_IF_ERROR(CheckExtents(height_px, width_px));

  const bool has_four = session.decoder.out_color_space == JCS_CMYK;
  const int64_t row_bytes = width_px * (has_four ? 4 : 3);
  DecodedImage decoded;
  decoded.orientation = ExifOrientation(session.decoder);  // finishing frees the markers
  decoded.image = {.height_px = height_px, .width_px = width_px, .pixels = {}};
  std::vector<uint8_t> samples(static_cast<size_t>(height_px * row_bytes));
  std::vector<unsigned char*> rows(static_cast<size_t>(height_px));
  for (int64_t y = 0; y < height_px; ++y) rows[y] = samples.data() + y * row_bytes;
  if (!ReadRows(session, rows.data())) return Failure(session);
  if (session.error.is_truncated) {
    return InvalidData("truncated JPEG: the file ends in the middle of the picture",
                       "copy or download it again");
  }
  if (!has_four) {
    decoded.image.pixels = std::move(samples);
    return decoded;
  }
  decoded.image.pixels.resize(static_cast<size_t>(height_px * width_px * 3));
  for (int64_t y = 0; y < height_px; ++y) {
    const std::vector<uint8_t> cmyk(rows[y], rows[y] + row_bytes);
    CmykRowToRgb(cmyk, decoded.image.pixels.data() + y * width_px * 3);
  }
  return decoded;
}

Result<std::vector<std::byte>> EncodeJpeg(const Image& image, int quality) {
  DEIXIS_RETURN_IF_ERROR(CheckExtents(image.height_px, image.width_px));
  EncoderSession session{};
  session.encoder.err = jpeg_std_error(&session.error.manager);
  session.error.manager.error_exit = OnError;
  session.error.manager.emit_message = OnMessage;
  const EncoderGuard guard(session);
  if (!WriteRows(session, image, quality)) {
    return InternalError(std::string("JPEG encoder: ") + session.error.message);
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(session.bytes);
  return std::vector<std::byte>(bytes, bytes + session.num_bytes);
}

}  // namespace deixis::internal
