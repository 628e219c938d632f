// Entries that are inflated: to what they say, within the bound, or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "format/zip.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string Deflated(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

ZipEntry Entry(const std::string& data, const std::string& original) {
  return {.name = "a.png",
          .is_stored = false,
          .crc32 = Crc32(Bytes(original)),
          .data = Bytes(data),
          .method = 8,
          .is_encrypted = false,
          .is_link = false,
          .original_bytes = original.size()};
}

std::string Refusal(const ZipEntry& entry, uint64_t max_bytes = 1 << 20) {
  const auto bytes = ZipArchive::Extract(entry, max_bytes);
  if (bytes.ok()) return "";
  EXPECT_EQ(bytes.error().code, ErrorCode::kInvalidData);
  return bytes.error().message;
}

TEST(ZipExtractTest, GivesBackWhatWasDeflated) {
  for (const size_t size : {0, 1, 1000, 200'000}) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += static_cast<char>(i * i >> 7);
    const std::string data = Deflated(text);
    const auto bytes = ZipArchive::Extract(Entry(data, text), 1 << 20);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    EXPECT_TRUE(std::ranges::equal(*bytes, Bytes(text)));
  }
}

TEST(ZipExtractTest, HoldsEntriesToTheirSize) {
  const std::string text(100'000, 'x');
  const std::string data = Deflated(text);
  EXPECT_THAT(Refusal(Entry(data, text), 99'999), HasSubstr("at most 99999 bytes, found 100000"));
  for (const int difference : {-1, 1}) {
    ZipEntry entry = Entry(data, text);
    entry.original_bytes += static_cast<uint64_t>(difference);
    EXPECT_THAT(Refusal(entry), HasSubstr("not of the"));
  }
  const std::string longer = data + "more";
  EXPECT_THAT(Refusal(Entry(longer, text)), HasSubstr("damaged"));
  const std::string shorter = data.substr(0, data.size() - 1);
  EXPECT_THAT(Refusal(Entry(shorter, text)), HasSubstr("damaged"));
}

TEST(ZipExtractTest, RefusesWhatItCannotOrShouldNotRead) {
  const std::string text = "text";
  const std::string data = Deflated(text);
  ZipEntry entry = Entry(data, text);
  entry.crc32 ^= 1;
  EXPECT_THAT(Refusal(entry), HasSubstr("checksum"));
  entry = Entry(data, text);
  entry.is_encrypted = true;
  EXPECT_THAT(Refusal(entry), HasSubstr("encrypted"));
  entry = Entry(data, text);
  entry.method = 93;
  EXPECT_THAT(Refusal(entry), HasSubstr("method 93"));
}

}  // namespace
}  // namespace deixis
