#include "vision/camera/picture_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace deixis::camera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Append(PictureStream& stream, std::string_view text) {
  for (const char c : text) stream.bytes().push_back(static_cast<std::byte>(c));
}

TEST(PictureStream, GivesPicturesThatSayTheirSize) {
  PictureStream stream;
  const std::string text = std::string("P6\n2 1\n255\nabcdef") + "P6 1 2 255 ghijkl";
  std::vector<Image> images;
  for (const char c : text) {
    Append(stream, std::string_view(&c, 1));
    auto image = stream.Take();
    ASSERT_TRUE(image.ok()) << image.error().message;
    if (*image) images.push_back(**image);
  }
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].width_px, 2);
  EXPECT_EQ(images[0].height_px, 1);
  EXPECT_THAT(images[0].pixels, ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  EXPECT_EQ(images[1].height_px, 2);
  EXPECT_THAT(images[1].pixels, ElementsAre('g', 'h', 'i', 'j', 'k', 'l'));
  EXPECT_TRUE(stream.bytes().empty());
}

TEST(PictureStream, GivesPicturesOfAGivenSize) {
  PictureStream stream(PictureExtents{.height_px = 1, .width_px = 1});
  Append(stream, "P6\nabc");
  for (const char* expected : {"P6\n", "abc"}) {
    const auto image = stream.Take();
    ASSERT_TRUE(image.ok() && image->has_value());
    EXPECT_EQ(std::string((*image)->pixels.begin(), (*image)->pixels.end()), expected);
  }
  EXPECT_FALSE(stream.Take()->has_value());
}

TEST(PictureStream, RefusesWhatIsNoPicture) {
  for (const std::string& text :
       {std::string("P5\n1 1\n255\n"), std::string("JFIF"), std::string("P6\n1 1\n65535\nab"),
        std::string("P6\n-1 1\n255\n"), std::string("P6\n0 1\n255\n"), std::string("P611 1 255 "),
        std::string("P6\n70000 1\n255\n"), std::string("P6\n60000 60000\n255\n"),
        std::string("P6\n99999999999999999999 1\n255\n"), "P6" + std::string(100, ' ')}) {
    PictureStream stream;
    Append(stream, text);
    EXPECT_FALSE(stream.Take().ok()) << text;
  }
}

}  // namespace
}  // namespace deixis::camera
