#include "vision/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/rng.h"
#include "vision/codecs.h"
#include "vision/csv.h"
#include "vision/testing/digest.h"
#include "vision/write_jpeg.h"

namespace deixis {
namespace {

using testing::Fnv1a;
using ::testing::HasSubstr;

const std::string kGolden = DEIXIS_SOURCE_DIR "/tests/golden/vision/";

CsvTable GoldenTable(const std::string& name) {
  const Result<std::string> text = ReadTextFile(kGolden + name);
  if (!text.ok()) return {};
  Result<CsvTable> table = ParseCsv(*text);
  return table.ok() ? *std::move(table) : CsvTable();
}

std::vector<std::byte> BytesOf(const std::string& name) {
  const auto file = MappedFile::Open(kGolden + name);
  if (!file.ok()) std::abort();
  return {(*file)->bytes().begin(), (*file)->bytes().end()};
}

// The upper byte of each random word: tools/golden/vision_golden.py has the same pictures.
Image Noise(int64_t height_px, int64_t width_px, uint64_t seed) {
  Rng rng(seed);
  Image image{.height_px = height_px,
              .width_px = width_px,
              .pixels = std::vector<uint8_t>(static_cast<size_t>(height_px * width_px * 3))};
  for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(rng.NextBits() >> 56);
  return image;
}

int64_t Number(const CsvTable::Row& row, size_t column) {
  return ParseInteger(row.fields[column]).value();
}

TEST(ReadImage, HasThePixelsThatPilHas) {
  const CsvTable table = GoldenTable("images.csv");
  ASSERT_GE(table.rows.size(), 28u);
  for (const CsvTable::Row& row : table.rows) {
    const Result<Image> image = ReadImage(kGolden + row.fields[0]);
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image->height_px, Number(row, 1)) << row.fields[0];
    EXPECT_EQ(image->width_px, Number(row, 2)) << row.fields[0];
    EXPECT_EQ(Fnv1a(image->pixels), row.fields[3]) << row.fields[0];
  }
}

TEST(ReadImage, EveryGoldenPictureIsListed) {
  const CsvTable table = GoldenTable("images.csv");
  size_t num_pictures = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    num_pictures += entry.is_regular_file() && entry.path().extension() != ".csv" ? 1 : 0;
  }
  EXPECT_EQ(num_pictures, table.rows.size());
}

// Every proper beginning of a picture is refused, whatever the format.
TEST(DecodeImage, RefusesEveryTruncation) {
  for (const char* name : {"color_420.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg", "color.png",
                           "interlaced.png", "palette.png", "lossy.webp", "lossless.webp"}) {
    const std::vector<std::byte> bytes = BytesOf(name);
    ASSERT_TRUE(DecodeImage(bytes, name).ok());
    // A JPEG's last two bytes are its end marker: without them every pixel is still there.
    const bool is_jpeg = std::string_view(name).ends_with(".jpg");
    const size_t longest = bytes.size() - (is_jpeg ? 3 : 1);
    for (size_t length = 0; length <= longest; ++length) {
      const Result<Image> image = DecodeImage(std::span(bytes).first(length), name);
      ASSERT_FALSE(image.ok()) << name << " cut to " << length << " of " << bytes.size();
      EXPECT_EQ(image.error().code, ErrorCode::kInvalidData);
      EXPECT_TRUE(image.error().message.starts_with(name)) << image.error().message;
    }
  }
}

TEST(DecodeImage, SurvivesFlippedBits) {
  for (const char* name : {"color_420.jpg", "progressive.jpg", "cmyk.jpg", "orientation_6.jpg",
                           "palette.png", "interlaced.png", "lossy.webp", "alpha.webp"}) {
    const std::vector<std::byte> bytes = BytesOf(name);
    Rng rng(3);
    for (int trial = 0; trial < 300; ++trial) {
      std::vector<std::byte> damaged = bytes;
      for (int flip = 0; flip < 3; ++flip) {
        damaged[rng.Below(damaged.size())] ^= static_cast<std::byte>(1u << rng.Below(8));
      }
      const Result<Image> image = DecodeImage(damaged, name);
      if (!image.ok()) continue;
      EXPECT_EQ(image->pixels.size(), static_cast<size_t>(image->height_px * image->width_px * 3));
    }
  }
}

std::string BadMessage(const std::string& name) {
  const Result<Image> image = ReadImage(kGolden + "bad/" + name);
  if (image.ok()) return "accepted";
  EXPECT_EQ(image.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(image.error().message, HasSubstr("bad/" + name));
  return image.error().message;
}

TEST(ReadImage, SaysWhatABadFileIs) {
  EXPECT_THAT(BadMessage("empty.jpg"), HasSubstr("found an empty file"));
  EXPECT_THAT(BadMessage("text.jpg"), HasSubstr("found text"));
  EXPECT_THAT(BadMessage("page.png"), HasSubstr("found an HTML page"));
  EXPECT_THAT(BadMessage("animated.gif"), HasSubstr("found a GIF"));
  EXPECT_THAT(BadMessage("animated.webp"), HasSubstr("found an animated WebP"));
  EXPECT_THAT(BadMessage("damaged.png"), HasSubstr("damaged PNG"));
  EXPECT_THAT(BadMessage("bomb.png"), HasSubstr("found 100000 x 100000 pixels"));
  EXPECT_THAT(BadMessage("long.png"), HasSubstr("found 1000000 x 1 pixels"));
}

TEST(ReadImage, MissingFileAndFolder) {
  EXPECT_EQ(ReadImage(kGolden + "nothing.png").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(ReadImage(kGolden).error().message, HasSubstr("found a folder"));
}

TEST(WritePng, ComesBackAsItWas) {
  const std::string path = ::testing::TempDir() + "/written.png";
  for (const auto& [height_px, width_px] : {std::pair{1, 1}, {3, 1}, {1, 7}, {37, 53}}) {
    const Image image = Noise(height_px, width_px, 5);
    ASSERT_TRUE(WritePng(path, image).ok());
    const Result<Image> read = ReadImage(path);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->height_px, height_px);
    EXPECT_EQ(read->pixels, image.pixels);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(WritePng("/nonexistent/folder/x.png", Noise(2, 2, 1)).error().code,
            ErrorCode::kNotFound);
  EXPECT_FALSE(WritePng(path, Image()).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Resize, HasThePixelsThatPilHas) {
  const CsvTable table = GoldenTable("resize.csv");
  ASSERT_GE(table.rows.size(), 24u);
  for (const CsvTable::Row& row : table.rows) {
    const Image image =
        Noise(Number(row, 1), Number(row, 2), static_cast<uint64_t>(Number(row, 3)));
    Preprocessing preprocessing;
    preprocessing.height_px = Number(row, 4);
    preprocessing.width_px = Number(row, 5);
    preprocessing.shorter_side_px = Number(row, 6);
    preprocessing.resize =
        row.fields[0] == "stretch" ? ResizePolicy::kStretch : ResizePolicy::kShorterSideCrop;
    const Image prepared = PrepareForModel(image, preprocessing);
    EXPECT_EQ(prepared.height_px, preprocessing.height_px);
    EXPECT_EQ(prepared.width_px, preprocessing.width_px);
    EXPECT_EQ(Fnv1a(prepared.pixels), row.fields[7]) << "line " << row.line;
  }
}

TEST(Resize, ToItsOwnSizeIsTheSamePicture) {
  const Image image = Noise(19, 23, 9);
  EXPECT_EQ(Resize(image, 19, 23).pixels, image.pixels);
}

TEST(Resize, OneColourStaysThatColour) {
  for (const int level : {0, 1, 127, 254, 255}) {
    Image image = Noise(31, 17, 1);
    std::ranges::fill(image.pixels, static_cast<uint8_t>(level));
    for (const uint8_t pixel : Resize(image, 7, 64).pixels) ASSERT_EQ(pixel, level);
  }
}

TEST(PrepareForModel, AStripDoesNotNeedThePictureThatItIsCutFrom) {
  // Scaled up to a shorter side of 256 the strip would be 16 million pixels wide.
  const Image strip = Noise(1, 65'535, 2);
  const Image prepared = PrepareForModel(strip, Preprocessing());
  EXPECT_EQ(prepared.pixels.size(), 224u * 224u * 3u);
}

TEST(WriteJpeg, IsReadBackAsNearlyTheSamePicture) {
  // Smooth, as JPEG likes it; each channel another way.
  Image image{.height_px = 37, .width_px = 50, .pixels = {}};
  for (int y = 0; y < 37; ++y) {
    for (int x = 0; x < 50; ++x) {
      image.pixels.insert(image.pixels.end(),
                          {static_cast<uint8_t>(5 * x), static_cast<uint8_t>(6 * y),
                           static_cast<uint8_t>(255 - 2 * x - 2 * y)});
    }
  }
  const std::string path = ::testing::TempDir() + "written.jpg";
  ASSERT_TRUE(WriteJpeg(path, image).ok());
  const auto read = ReadImage(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_EQ(read->height_px, 37);
  ASSERT_EQ(read->width_px, 50);
  double sum = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    sum += std::abs(int{read->pixels[i]} - int{image.pixels[i]});
  }
  EXPECT_LT(sum / static_cast<double>(image.pixels.size()), 3);
  const auto coarse = internal::EncodeJpeg(image, 20);
  const auto fine = internal::EncodeJpeg(image, 95);
  ASSERT_TRUE(coarse.ok() && fine.ok());
  EXPECT_LT(coarse->size(), fine->size());
  EXPECT_FALSE(WriteJpeg(path, Image{}).ok());
  std::filesystem::remove(path);
}

// Frames of cameras leave the usual Huffman tables away.
TEST(DecodeImage, ReadsMotionJpegWithoutHuffmanTables) {
  const std::vector<std::byte> whole = BytesOf("color_420.jpg");
  std::vector<std::byte> bare;
  size_t at = 2;
  bare.assign(whole.begin(), whole.begin() + 2);
  size_t num_left_out = 0;
  while (std::to_integer<int>(whole[at + 1]) != 0xDA) {
    const size_t length =
        2 + 256 * std::to_integer<size_t>(whole[at + 2]) + std::to_integer<size_t>(whole[at + 3]);
    if (std::to_integer<int>(whole[at + 1]) == 0xC4) {
      ++num_left_out;
    } else {
      bare.insert(bare.end(), whole.begin() + static_cast<ptrdiff_t>(at),
                  whole.begin() + static_cast<ptrdiff_t>(at + length));
    }
    at += length;
  }
  bare.insert(bare.end(), whole.begin() + static_cast<ptrdiff_t>(at), whole.end());
  ASSERT_GE(num_left_out, 1u);
  const auto expected = DecodeImage(whole, "whole");
  const auto image = DecodeImage(bare, "bare");
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->pixels, expected->pixels);
}

}  // namespace
}  // namespace deixis
