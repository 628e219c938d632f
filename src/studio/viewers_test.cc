// Frames and events, as several viewers at once get them, and what becomes of those who stall.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "studio/testing/studio_fixture.h"
#include "vision/image.h"

namespace deixis::studio::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ViewersTest : public StudioTest {
 protected:
  ViewersTest() { options_.camera_uri = "scene://seed=1&size=160x120&fps=60"; }
};

uint64_t IdOf(const Answer& frame) {
  const auto found = frame.headers.find("deixis-frame-id");
  return found == frame.headers.end() ? 0 : std::stoull(found->second);
}

TEST_F(ViewersTest, EveryFrameIsNewerThanTheLast) {
  Start();
  const Client browser = Browser();
  uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const Answer frame = browser.Get("/api/v1/camera/frame?after=" + std::to_string(last));
    ASSERT_EQ(frame.status, 200) << frame.body;
    EXPECT_GT(IdOf(frame), last);
    last = IdOf(frame);
    EXPECT_EQ(frame.headers.at("deixis-width-px"), "160");
    const auto bytes = std::as_bytes(std::span(frame.body));
    const auto image = DecodeImage(bytes, "frame");
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->width_px, 160);
  }
  // What was sent can be had again, exactly.
  const std::string again = "/api/v1/camera/frames/" + std::to_string(last);
  const Answer first = browser.Get(again);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, browser.Get(again).body);
  // A frame that nobody saw cannot.
  EXPECT_EQ(browser.Get("/api/v1/camera/frames/" + std::to_string(last + 100'000)).problem(),
            "frame-gone");
  EXPECT_EQ(browser.Get("/api/v1/camera/frames/x").status, 410);
  EXPECT_EQ(browser.Get("/api/v1/camera/frame?after=-1").status, 400);
  EXPECT_EQ(
      browser.Get("/api/v1/camera/frame?after=" + std::to_string(last + 1'000'000) + "&wait_ms=50")
          .status,
      204);
}

TEST_F(ViewersTest, APinnedFrameStays) {
  Start();
  const Client browser = Browser();
  const Answer frame = browser.Get("/api/v1/camera/frame");
  const std::string path = "/api/v1/camera/frames/" + std::to_string(IdOf(frame));
  ASSERT_EQ(browser.Send("PUT", path + "/pin").status, 204);
  uint64_t last = IdOf(frame);
  for (size_t i = 0; i < 70; ++i) {
    last = IdOf(browser.Get("/api/v1/camera/frame?after=" + std::to_string(last)));
  }
  EXPECT_EQ(browser.Get(path).body, frame.body);
  EXPECT_EQ(browser.Send("DELETE", path + "/pin").status, 204);
  EXPECT_EQ(browser.Get(path).status, 410);
  EXPECT_EQ(browser.Send("PUT", path + "/pin").status, 410);
}

TEST_F(ViewersTest, IdsGrowOverAChangeOfTheCamera) {
  Start();
  const Client browser = Browser();
  const uint64_t before = IdOf(browser.Get("/api/v1/camera/frame"));
  const Answer changed =
      browser.Send("PUT", "/api/v1/camera", "{\"uri\": \"scene://seed=2&size=320x240\"}");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json()["uri"], "scene://seed=2&size=320x240");
  const Answer after = browser.Get("/api/v1/camera/frame?after=" + std::to_string(before));
  EXPECT_EQ(after.headers.at("deixis-width-px"), "320");
  EXPECT_GT(IdOf(after), before);

  EXPECT_EQ(browser.Send("PUT", "/api/v1/camera", "{\"uri\": \"nonsense\"}").status, 400);
  EXPECT_EQ(
      browser.Send("PUT", "/api/v1/camera", "{\"uri\": \"v4l2:///dev/no-such-video\"}").problem(),
      "device-unavailable");
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/camera").status, 204);
  EXPECT_EQ(browser.Get("/api/v1/camera").json()["state"], "none");
  EXPECT_EQ(browser.Get("/api/v1/camera/frame?wait_ms=50").status, 204);
}

TEST_F(ViewersTest, StalledViewersSlowNobody) {
  Start();
  const Client browser = Browser();
  // They ask for frames and events, and never read an answer.
  std::vector<std::unique_ptr<Socket>> stalled;
  for (int i = 0; i < 50; ++i) {
    stalled.push_back(std::make_unique<Socket>(port(), 4096));
    std::string text;
    for (int k = 0; k < 20; ++k) text += browser.TextOf("GET", "/api/v1/camera/frame");
    stalled.back()->Send(i % 5 == 0 ? browser.TextOf("GET", "/api/v1/events") : text);
  }
  std::vector<std::thread> viewers;
  std::atomic<int> seen{0};
  for (int v = 0; v < 4; ++v) {
    viewers.emplace_back([&] {
      uint64_t last = 0;
      for (int i = 0; i < 15; ++i) {
        const Answer frame = browser.Get("/api/v1/camera/frame?after=" + std::to_string(last));
        if (frame.status != 200 || IdOf(frame) <= last) return;
        last = IdOf(frame);
        ++seen;
      }
    });
  }
  for (std::thread& viewer : viewers) viewer.join();
  EXPECT_EQ(seen, 4 * 15);
}

TEST_F(ViewersTest, EventsBeginWithEverythingAndGoOnWhereTheyWere) {
  options_.camera_uri.clear();
  options_.server.keep_alive_ms = 100;
  Start();
  const Client browser = Browser();
  Socket reader(port());
  reader.Send(browser.TextOf("GET", "/api/v1/events"));
  ASSERT_TRUE(reader.ReadUntil("event: snapshot\ndata: {", 5000)) << reader.text;
  EXPECT_THAT(reader.text, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_TRUE(reader.ReadUntil(": keep-alive\n\n", 5000));
  ASSERT_EQ(browser.Send("PUT", "/api/v1/camera", "{\"uri\": \"scene://seed=3\"}").status, 200);
  ASSERT_TRUE(reader.ReadUntil("event: camera\n", 5000));
  ASSERT_TRUE(reader.ReadUntil("\"uri\":\"scene://seed=3\"", 5000));
  const size_t id_at = reader.text.find("id: ");
  const std::string snapshot_id =
      reader.text.substr(id_at + 4, reader.text.find('\n', id_at) - id_at - 4);

  Socket again(port());
  again.Send(browser.TextOf("GET", "/api/v1/events", {}, {{"Last-Event-ID", snapshot_id}}));
  ASSERT_TRUE(again.ReadUntil("event: camera\n", 5000));
  EXPECT_THAT(again.text, Not(HasSubstr("snapshot")));
  // An id of another run, of the future, or none at all.
  for (const std::string id : {"0123-7", "", "x"}) {
    Socket lost(port());
    lost.Send(browser.TextOf("GET", "/api/v1/events", {}, {{"Last-Event-ID", id}}));
    EXPECT_TRUE(lost.ReadUntil("event: snapshot\n", 5000));
  }
}

TEST_F(ViewersTest, EventStreamsAreCounted) {
  options_.server.max_event_readers = 2;
  Start();
  const Client browser = Browser();
  auto first = std::make_unique<Socket>(port());
  first->Send(browser.TextOf("GET", "/api/v1/events"));
  ASSERT_TRUE(first->ReadUntil("snapshot", 5000));
  Socket second(port());
  second.Send(browser.TextOf("GET", "/api/v1/events"));
  ASSERT_TRUE(second.ReadUntil("snapshot", 5000));
  EXPECT_EQ(browser.Get("/api/v1/events").problem(), "too-many");
  // A reader who leaves is noticed.
  first.reset();
  bool came_in = false;
  for (int i = 0; i < 100 && !came_in; ++i) {
    Socket third(port());
    third.Send(browser.TextOf("GET", "/api/v1/events"));
    came_in = third.ReadUntil("event: snapshot", 100);
  }
  EXPECT_TRUE(came_in);
}

TEST_F(ViewersTest, ThePageIsServedWithItsTag) {
  Start();
  const Answer page = Nobody().Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.headers.at("content-type"), StartsWith("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  const Answer same = Nobody().Get("/", {{"If-None-Match", page.headers.at("etag")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(Nobody().Send("HEAD", "/").headers.at("content-length"),
            std::to_string(page.body.size()));
  const Answer wrong = Script().Send("DELETE", "/");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD");
}

// Every route is documented, and nothing is documented that is not there.
TEST_F(ViewersTest, TheDocumentListsTheRoutes) {
  Start();
  std::ifstream file(std::string(DEIXIS_SOURCE_DIR) + "/docs/studio-api.md");
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  ASSERT_FALSE(document.empty());
  const auto openapi = Script().Get("/api/v1/openapi.json").json();
  EXPECT_EQ(openapi["openapi"], "3.1.0");
  for (const auto& [path, methods] : openapi["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      std::string verb = method;
      for (char& c : verb) c = static_cast<char>(c - 32);
      const std::string row = "| " + verb + " | `" + path.substr(std::string("/api/v1").size());
      EXPECT_TRUE(document.find(row + "`") != std::string::npos ||
                  document.find(row + "?") != std::string::npos)
          << row;
    }
  }
}

}  // namespace
}  // namespace deixis::studio::testing
