#include "vision/camera/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace deixis::camera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::span<const std::byte> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string Text(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST(HttpHead, IsReadAndEndsWhereTheBodyBegins) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Type:  image/jpeg \r\nX: a:b\r\n\r\nbody";
  for (size_t length = 0; length < text.size() - 4; ++length) {
    const auto part = ParseHttpHead(Bytes(text.substr(0, length)));
    ASSERT_TRUE(part.ok()) << length;
    EXPECT_FALSE(part->has_value()) << length;
  }
  const auto parsed = ParseHttpHead(Bytes(text));
  ASSERT_TRUE(parsed.ok() && parsed->has_value());
  EXPECT_EQ((*parsed)->length_bytes, text.size() - 4);
  EXPECT_EQ((*parsed)->head.status, 200);
  EXPECT_EQ((*parsed)->head.reason, "OK");
  EXPECT_EQ((*parsed)->head.Field("content-type"), "image/jpeg");
  EXPECT_EQ((*parsed)->head.Field("x"), "a:b");
  EXPECT_EQ((*parsed)->head.Field("none"), "");
  const auto careless = ParseHttpHead(Bytes("HTTP/1.0 404\nA: b\n\n"));
  ASSERT_TRUE(careless.ok() && careless->has_value());
  EXPECT_EQ((*careless)->head.status, 404);
  EXPECT_EQ((*careless)->head.reason, "");
}

TEST(HttpHead, ThatIsNoneOrNeverEndsIsRefused) {
  for (const char* text : {"SSH-2.0-x\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n",
                           "HTTP/1.1 \r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\x16\x03\x01"}) {
    EXPECT_FALSE(ParseHttpHead(Bytes(text)).ok()) << text;
  }
  const std::string endless = "HTTP/1.1 200 OK\r\n" + std::string(kMaxHeadBytes, 'x');
  const auto parsed = ParseHttpHead(Bytes(endless));
  ASSERT_FALSE(parsed.ok());
  EXPECT_THAT(parsed.error().message, HasSubstr("32768 bytes of HTTP head"));
}

TEST(MultipartBoundary, IsFoundHoweverItIsWritten) {
  EXPECT_EQ(MultipartBoundary("multipart/x-mixed-replace; boundary=frame"), "frame");
  EXPECT_EQ(MultipartBoundary("multipart/x-mixed-replace;boundary=--frame"), "frame");
  EXPECT_EQ(MultipartBoundary("Multipart/X-Mixed-Replace; Boundary=\"a b\"; c=d"), "a b");
  EXPECT_EQ(MultipartBoundary("multipart/x-mixed-replace; boundary=ab ; charset=x"), "ab");
  EXPECT_EQ(MultipartBoundary("image/jpeg; boundary=frame"), "");
  EXPECT_EQ(MultipartBoundary("multipart/x-mixed-replace"), "");
  EXPECT_EQ(MultipartBoundary("multipart/x-mixed-replace; boundary=---"), "");
}

TEST(ChunkedBody, IsUndoneHoweverItIsCut) {
  const std::string text = "5\r\nhello\r\n1;x=y\r\n \r\n6\r\nworld!\r\n0\r\n\r\nmore";
  for (size_t cut = 1; cut < 8; ++cut) {
    ChunkedBody body;
    std::vector<std::byte> out;
    for (size_t at = 0; at < text.size(); at += cut) {
      ASSERT_TRUE(body.Decode(Bytes(std::string_view(text).substr(at, cut)), out).ok());
    }
    EXPECT_EQ(Text(out), "hello world!") << cut;
    EXPECT_TRUE(body.has_ended());
  }
}

TEST(ChunkedBody, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string("zz\r\n"), std::string("\r\n"), std::string("2\r\nabc\r\n"),
        std::string(1000, '1'), std::string("fffffffffffffffff\r\n")}) {
    ChunkedBody body;
    std::vector<std::byte> out;
    EXPECT_FALSE(body.Decode(Bytes(text), out).ok()) << text.substr(0, 20);
  }
}

// All parts, fed in pieces of `cut` bytes.
std::vector<std::string> Parts(const std::string& boundary, std::string_view text, size_t cut) {
  MultipartBody body(boundary);
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size(); at += cut) {
    EXPECT_TRUE(body.Append(Bytes(text.substr(at, cut))).ok());
    while (auto part = body.TakePart()) parts.push_back(Text(*part));
  }
  return parts;
}

TEST(MultipartBody, GivesItsPartsHoweverItIsCut) {
  // With a length, and the boundary itself inside the part; without one; with more dashes; with
  // line feeds alone; with a length of 0, which says nothing; an end.
  const std::string text =
      "preamble\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 14\r\n\r\n"
      "on\r\n--frame\r\ne\r\n"
      "--frame\r\n\r\ntwo\r\n"
      "----frame\r\nX: y\r\n\r\nth-frame --frame ree\r\n"
      "--frame\nA: b\n\nfour\n"
      "--frame\r\nContent-Length: 0\r\n\r\nfive\r\n--frame--\r\n--frame\r\n\r\nsix\r\n--frame";
  for (const size_t cut : {1, 2, 3, 7, 19, 1000}) {
    EXPECT_THAT(Parts("frame", text, cut),
                ElementsAre("on\r\n--frame\r\ne", "two", "th-frame --frame ree", "four", "five"))
        << cut;
  }
}

TEST(MultipartBody, PassesGarbageOverWithoutKeepingIt) {
  MultipartBody body("frame");
  const std::string garbage(1 << 20, '-');
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(body.Append(Bytes(garbage)).ok());
  ASSERT_TRUE(body.Append(Bytes("--frame\r\nContent-Length: 2\r\n\r\nok")).ok());
  EXPECT_EQ(Text(body.TakePart().value()), "ok");
  EXPECT_FALSE(body.TakePart().has_value());
}

TEST(MultipartBody, RefusesWhatNeverEnds) {
  MultipartBody heads("f");
  EXPECT_FALSE(heads.Append(Bytes("--f\r\n" + std::string(kMaxPartHeadBytes, 'x'))).ok());
  MultipartBody announced("f");
  EXPECT_THAT(announced.Append(Bytes("--f\r\nContent-Length: 99999999999\r\n\r\n")).error().message,
              HasSubstr("found 99999999999"));
  MultipartBody open("f");
  Status status = open.Append(Bytes("--f\r\n\r\n"));
  const std::string block(1 << 20, 'x');
  int blocks = 0;
  for (; status.ok() && blocks < 100; ++blocks) status = open.Append(Bytes(block));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(blocks, 33);
}

}  // namespace
}  // namespace deixis::camera
