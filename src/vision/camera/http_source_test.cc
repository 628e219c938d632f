// A camera on the network, played by a real server on this machine, in all the ways in which one
// can misbehave.
#include "vision/camera/http_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "vision/camera/camera.h"
#include "vision/camera/http_message.h"
#include "vision/camera/testing/loopback_server.h"
#include "vision/codecs.h"

namespace deixis::camera {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Client = LoopbackServer::Client;

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n";

// A JPEG whose every value is near `value`.
std::string Jpeg(uint8_t value) {
  const auto bytes = internal::EncodeJpeg(
      {.height_px = 16, .width_px = 24, .pixels = std::vector<uint8_t>(16 * 24 * 3, value)}, 90);
  EXPECT_TRUE(bytes.ok());
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

std::string Part(const std::string& jpeg) {
  return "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: " + std::to_string(jpeg.size()) +
         "\r\n\r\n" + jpeg + "\r\n";
}

std::string Chunk(const std::string& text) {
  char size[32];
  std::snprintf(size, sizeof(size), "%zx\r\n", text.size());
  return size + text + "\r\n";
}

std::unique_ptr<FrameSource> SourceOf(const std::string& uri, int64_t timeout_ms = 2000) {
  const auto parsed = ParseCameraUri(uri);
  EXPECT_TRUE(parsed.ok());
  auto source = HttpSource(*parsed, {.connect_timeout_ms = timeout_ms});
  EXPECT_TRUE(source.ok());
  return *std::move(source);
}

// What one Open() makes of a server that says this.
Status OpenOn(const std::string& answer, int64_t timeout_ms = 2000) {
  LoopbackServer server([&](Client& client, int) { client.Send(answer); });
  return SourceOf(server.Uri("/s", "bob:hidden@"), timeout_ms)->Open();
}

TEST(HttpSource, GivesTheLatestPicture) {
  LoopbackServer server([](Client& client, int) {
    client.Send(std::string(kHead) + "\r\n" + Part(Jpeg(10)) + Part(Jpeg(60)) + Part(Jpeg(110)));
    client.Hang();
  });
  const auto source = SourceOf(server.Uri("/a/b.mjpg?x=1", "bo%62:pass%20word@"));
  ASSERT_TRUE(source->Open().ok());
  SourceFrame frame;
  uint8_t value = 0;
  // They may come in two pieces, but never an older one after a newer one.
  while (value < 100) {
    const auto outcome = source->Read(2000, frame);
    ASSERT_TRUE(outcome.ok());
    ASSERT_EQ(*outcome, ReadOutcome::kFrame);
    EXPECT_EQ(frame.image.width_px, 24);
    EXPECT_GT(frame.image.pixels[0], value);
    value = frame.image.pixels[0];
  }
  EXPECT_EQ(*source->Read(10, frame), ReadOutcome::kNothing);
  const std::string request = server.last_request();
  EXPECT_THAT(request, HasSubstr("GET /a/b.mjpg?x=1 HTTP/1.0\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Basic Ym9iOnBhc3Mgd29yZA==\r\n"));
  EXPECT_THAT(source->Device(), Not(HasSubstr("pass")));
}

TEST(HttpSource, ReadsChunksAndPartsWithoutALength) {
  LoopbackServer server([](Client& client, int) {
    client.Send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n");
    client.Send(Chunk("\r\n--frame\r\n") + Chunk("Content-Type: image/jpeg\r\n\r\n") +
                Chunk(Jpeg(200)) + Chunk("\r\n--frame\r\n"));
    client.Hang();
  });
  const auto source = SourceOf(server.Uri("/"));
  ASSERT_TRUE(source->Open().ok());
  SourceFrame frame;
  ASSERT_EQ(*source->Read(2000, frame), ReadOutcome::kFrame);
  EXPECT_NEAR(frame.image.pixels[0], 200, 3);
}

TEST(HttpSource, PassesDamagedPicturesOverAndSeesTheEnd) {
  LoopbackServer server([](Client& client, int) {
    client.Send(std::string(kHead) + "\r\n" + Part("no picture"));
    client.Pause(100);
    client.Send(Part(Jpeg(50)) + "--frame--");
  });
  const auto source = SourceOf(server.Uri("/"));
  ASSERT_TRUE(source->Open().ok());
  SourceFrame frame;
  EXPECT_EQ(*source->Read(2000, frame), ReadOutcome::kDamaged);
  EXPECT_EQ(*source->Read(2000, frame), ReadOutcome::kFrame);
  const auto end = source->Read(2000, frame);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code, ErrorCode::kDeviceUnavailable);
}

TEST(HttpSource, NamesWhatTheServerSays) {
  const auto refused = OpenOn("HTTP/1.1 401 Unauthorized\r\n\r\n");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAuthentication);
  EXPECT_THAT(refused.error().message, HasSubstr("401 Unauthorized"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("hidden")));
  EXPECT_THAT(refused.error().message, HasSubstr("http://***@127.0.0.1"));

  const auto page = OpenOn("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>");
  ASSERT_FALSE(page.ok());
  EXPECT_EQ(page.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(page.error().message, HasSubstr("\"text/html\""));

  const auto moved = OpenOn("HTTP/1.1 302 Found\r\nLocation: http://a:b@c/d\r\n\r\n");
  EXPECT_EQ(moved.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(moved.error().remedy, HasSubstr("http://***@c/d"));

  EXPECT_EQ(OpenOn("HTTP/1.1 404 Not Found\r\n\r\n").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OpenOn("HTTP/1.1 503 Busy\r\n\r\n").error().code, ErrorCode::kDeviceUnavailable);
  EXPECT_EQ(OpenOn("SSH-2.0-OpenSSH\r\n").error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(OpenOn("HTTP/1.1 200").error().message, HasSubstr("closed the connection"));
}

TEST(HttpSource, EndlessHeadsAndPicturesAreCutOff) {
  LoopbackServer heads([](Client& client, int) {
    client.Send("HTTP/1.1 200 OK\r\n");
    while (client.Send("X-Header: and another one\r\n")) {
    }
  });
  EXPECT_THAT(SourceOf(heads.Uri("/"))->Open().error().message, HasSubstr("32768 bytes"));
  LoopbackServer body([](Client& client, int) {
    client.Send(std::string(kHead) + "\r\n--frame\r\n\r\n");
    const std::string block(1 << 20, 'x');
    while (client.Send(block)) {
    }
  });
  const auto source = SourceOf(body.Uri("/"));
  ASSERT_TRUE(source->Open().ok());
  SourceFrame frame;
  Result<ReadOutcome> outcome = ReadOutcome::kNothing;
  while (outcome.ok()) outcome = source->Read(1000, frame);
  EXPECT_THAT(outcome.error().message, HasSubstr("33554432 bytes"));
}

TEST(HttpSource, DoesNotWaitForAServerThatSaysNothing) {
  LoopbackServer server([](Client& client, int) { client.Hang(); });
  const auto source = SourceOf(server.Uri("/"), 150);
  const auto status = source->Open();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("no answer"));
  // Nor for one that says a letter now and then.
  LoopbackServer slow([](Client& client, int) {
    while (client.Send("H")) client.Pause(20);
  });
  EXPECT_FALSE(SourceOf(slow.Uri("/"), 150)->Open().ok());
}

TEST(HttpSource, ACancelledWaitEnds) {
  LoopbackServer server([](Client& client, int) { client.Hang(); });
  const auto source = SourceOf(server.Uri("/"), 600'000);
  std::thread canceller([&] {
    while (server.connections() == 0 && server.last_request().empty()) std::this_thread::yield();
    source->Cancel();
  });
  EXPECT_FALSE(source->Open().ok());
  canceller.join();
}

// The whole camera: connections that end, stall and talk nonsense are made anew.
TEST(HttpCamera, ComesBackAfterEveryKindOfLoss) {
  LoopbackServer server([](Client& client, int connection) {
    client.Send(std::string(kHead) + "\r\n");
    switch (connection) {
      case 0:  // pictures, then the end
        client.Send(Part(Jpeg(20)));
        client.Pause(50);
        return;
      case 1:  // half a picture
        client.Send(Part(Jpeg(40)).substr(0, 100));
        return;
      case 2:  // a head that is none
        client.Send("--frame\r\n" + std::string(kMaxPartHeadBytes + 1, 'x'));
        return client.Hang();
      default:
        while (client.Send(Part(Jpeg(80)))) client.Pause(20);
    }
  });
  const auto camera = OpenCamera(server.Uri("/cam", "me:secret@"));
  ASSERT_TRUE(camera.ok()) << camera.error().message;
  uint64_t id = 0;
  bool was_lost = false;
  for (int i = 0; i < 1000; ++i) {
    const auto frame = (*camera)->WaitForFrame(id, 100);
    const CameraStatus status = (*camera)->StatusNow();
    if (status.state == CameraState::kNoSignal) {
      was_lost = true;
      EXPECT_EQ((*camera)->Latest(), nullptr);
      EXPECT_THAT(status.reason, Not(HasSubstr("secret")));
      EXPECT_THAT(status.reason, HasSubstr("http://***@127.0.0.1"));
    }
    if (!frame) continue;
    EXPECT_GT(frame->id, id);
    id = frame->id;
    if (frame->image.pixels[0] > 70) break;
  }
  EXPECT_TRUE(was_lost);
  EXPECT_EQ(server.connections(), 4);
  // The third may have failed before it counted as open.
  EXPECT_GE((*camera)->StatusNow().reconnections, 2);
  EXPECT_EQ((*camera)->StatusNow().state, CameraState::kRunning);
}

TEST(HttpAddress, HasAllItsParts) {
  const auto parse = [](const std::string& uri) { return ParseHttpAddress(*ParseCameraUri(uri)); };
  const auto full = parse("http://u:p%40@[::1]:8081/a/b?c=d");
  ASSERT_TRUE(full.ok()) << full.error().message;
  EXPECT_EQ(full->user_and_password, "u:p@");
  EXPECT_EQ(full->host, "::1");
  EXPECT_EQ(full->port, "8081");
  EXPECT_EQ(full->path, "/a/b?c=d");
  const auto bare = parse("http://cam");
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->host, "cam");
  EXPECT_EQ(bare->port, "80");
  EXPECT_EQ(bare->path, "/");
  EXPECT_EQ(parse("http://cam?a=b")->path, "/?a=b");
  for (const char* wrong : {"http:///a", "http://cam:x/", "http://:80/", "http://cam:/",
                            "http://ca\nm/", "http://cam/a b", "http://cam/\r\nX: y"}) {
    const auto address = parse(wrong);
    ASSERT_FALSE(address.ok()) << wrong;
    EXPECT_EQ(address.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace deixis::camera
