// What the studio refuses, and that it goes on afterwards: asked from outside, over sockets.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "studio/testing/studio_fixture.h"

namespace deixis::studio::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class AttacksTest : public StudioTest {
 protected:
  void ExpectUnharmed() {
    const Answer answer = Nobody().Get("/api/v1/health");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json()["status"], "ok");
  }
};

TEST_F(AttacksTest, NothingIsToldToNobody) {
  Start();
  const auto paths = Script().Get("/api/v1/openapi.json").json()["paths"];
  ASSERT_GE(paths.size(), 10u);
  int refused = 0;
  for (const auto& [path, methods] : paths.items()) {
    for (const auto& [method, operation] : methods.items()) {
      if (operation.contains("security")) continue;  // for anybody
      std::string verb = method;
      for (char& c : verb) c = static_cast<char>(c - 32);
      const Answer answer = Client(port(), {{"Origin", origin()}}).Send(verb, path);
      EXPECT_EQ(answer.status, 401) << verb << " " << path;
      EXPECT_EQ(answer.problem(), "unauthenticated") << answer.body;
      ++refused;
    }
  }
  EXPECT_GE(refused, 12);
  EXPECT_EQ(Nobody().Get("/api/v1/no-such-thing").status, 401);
  EXPECT_EQ(Script().Get("/api/v1/no-such-thing").status, 404);
  EXPECT_EQ(Client(port(), {{"Authorization", "Bearer 0123"}}).Get("/api/v1/status").status, 401);
  EXPECT_EQ(Client(port(), {{"Authorization", "Bearer "}}).Get("/api/v1/status").status, 401);
}

TEST_F(AttacksTest, ALinkSignsInOnce) {
  Start();
  const std::string link = studio_->NewLink();
  ASSERT_THAT(link, StartsWith(origin() + "/?token="));
  const std::string target = link.substr(origin().size());
  const Answer first = Nobody().Get(target);
  EXPECT_EQ(first.status, 303);
  EXPECT_EQ(first.headers.at("location"), "/");
  EXPECT_THAT(first.headers.at("set-cookie"), HasSubstr("; HttpOnly; SameSite=Strict"));
  const Answer second = Nobody().Get(target);
  EXPECT_EQ(second.status, 303);
  EXPECT_FALSE(second.headers.contains("set-cookie"));
  const std::string older = studio_->NewLink().substr(origin().size());
  studio_->NewLink();
  EXPECT_FALSE(Nobody().Get(older).headers.contains("set-cookie"));

  const Client browser = Browser();
  EXPECT_EQ(browser.Get("/api/v1/status").status, 200);
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/session").status, 204);
  EXPECT_EQ(browser.Get("/api/v1/status").status, 401);
}

TEST_F(AttacksTest, APairingCodeIsGoodForFiveTriesAndOneUse) {
  Start();
  const Client browser = Browser();
  const auto code = [&] {
    return browser.Send("POST", "/api/v1/pairing").json()["code"].get<std::string>();
  };
  const Client other(port(), {{"Origin", origin()}});
  const auto enter = [&](const std::string& text) {
    return other.Send("POST", "/api/v1/session", "{\"code\": \"" + text + "\"}");
  };
  EXPECT_EQ(enter("0000-0000").status, 401);  // none was asked for
  const std::string good = code();
  const Answer paired = enter(good);
  EXPECT_EQ(paired.status, 204);
  const std::string cookie = paired.headers.at("set-cookie");
  EXPECT_EQ(Client(port(), {{"Cookie", cookie.substr(0, cookie.find(';'))}})
                .Get("/api/v1/session")
                .status,
            200);
  EXPECT_EQ(enter(good).status, 401);

  const std::string spoiled = code();
  std::vector<std::thread> guesses;
  for (int i = 0; i < 5; ++i) guesses.emplace_back([&] { EXPECT_EQ(enter("1").status, 401); });
  for (std::thread& guess : guesses) guess.join();
  EXPECT_EQ(enter(spoiled).status, 401);
}

TEST_F(AttacksTest, OnlyItsOwnNamesAreAnswered) {
  options_.allowed_hosts = {"Deixis.local"};
  Start();
  const auto with_host = [&](const std::string& host) {
    return Client(port(), {{"Host", host}}).Get("/api/v1/health");
  };
  const std::string at_port = ":" + std::to_string(port());
  EXPECT_EQ(with_host("localhost" + at_port).status, 200);
  EXPECT_EQ(with_host("LOCALHOST" + at_port).status, 200);
  EXPECT_EQ(with_host("[::1]" + at_port).status, 200);
  EXPECT_EQ(with_host("deixis.local" + at_port).status, 200);
  for (const std::string& host :
       {"evil.example" + at_port, std::string("localhost"), std::string("localhost:1"),
        "localhost.evil.example" + at_port, "127.0.0.1" + at_port + ".evil.example",
        std::string("["), std::string("]:"), "localhost:" + std::string(400, '0')}) {
    const Answer answer = with_host(host);
    EXPECT_EQ(answer.status, 421) << host;
    EXPECT_EQ(answer.problem(), "wrong-host");
  }
  Socket without(port());
  without.Send("GET /api/v1/health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(without.ReadAnswer().status, 421);
  Socket twice(port());
  twice.Send("GET /api/v1/health HTTP/1.1\r\nHost: localhost" + at_port + "\r\nHost: evil\r\n\r\n");
  EXPECT_EQ(twice.ReadAnswer().status, 421);
}

TEST_F(AttacksTest, OtherSitesChangeNothing) {
  Start();
  const Client browser = Browser();
  EXPECT_EQ(browser.Send("POST", "/api/v1/pairing").status, 201);
  for (const std::string& foreign :
       {std::string("http://evil.example"), std::string("null"), std::string(),
        "https://127.0.0.1:" + std::to_string(port()), std::string("http://127.0.0.1:1"),
        origin() + ".evil.example"}) {
    const Answer answer = browser.Send("POST", "/api/v1/pairing", {}, {{"Origin", foreign}});
    EXPECT_EQ(answer.status, 403) << foreign;
    EXPECT_EQ(answer.problem(), "foreign-origin");
  }
  for (const std::string site : {"cross-site", "same-site"}) {
    EXPECT_EQ(browser.Get("/api/v1/status", {{"Sec-Fetch-Site", site}}).status, 403);
    EXPECT_EQ(browser.Get("/", {{"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", "navigate"}}).status,
              200);
  }
  EXPECT_EQ(browser.Get("/api/v1/status", {{"Sec-Fetch-Site", "same-origin"}}).status, 200);
  // A script has no Origin, and need not; a foreign one would be a browser's.
  EXPECT_EQ(Script().Send("POST", "/api/v1/pairing").status, 201);
  EXPECT_EQ(
      Script().Send("POST", "/api/v1/pairing", {}, {{"Origin", "http://evil.example"}}).status,
      403);
  const Answer preflight = Nobody().Send("OPTIONS", "/api/v1/status");
  EXPECT_GE(preflight.status, 400);
  EXPECT_FALSE(preflight.headers.contains("access-control-allow-origin"));
}

TEST_F(AttacksTest, NoAddressLeavesThePage) {
  Start();
  const Client script = Script();
  std::ofstream(folder_ / "secret") << "secret";
  for (const std::string target :
       {"/../secret", "/assets/../../secret", "/..%2fsecret", "/%2e%2e/secret", "/%2e%2e%2fsecret",
        "//etc/passwd", "/..\\secret", "/%5c..%5csecret", "/assets/%00", "/%ff", "/%", "/%4",
        "/api/v1/camera/frames/..%2f..%2fsecret", "/.studio/token", "/%2estudio/token"}) {
    const Answer answer = script.Get(target);
    EXPECT_TRUE(answer.status == 400 || answer.status == 404) << target << " " << answer.status;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret\n")));
  }
  for (const std::string target : {"http://127.0.0.1/", "*", "secret", "/#x"}) {
    EXPECT_EQ(script.Get(target).status, 400) << target;
  }
  ExpectUnharmed();
}

TEST_F(AttacksTest, BodiesAreHeldToTheirRoute) {
  Start();
  const Client browser = Browser();
  const auto put = [&](const std::string& body, const Client::Headers& more = {}) {
    return browser.Send("PUT", "/api/v1/camera", body, more);
  };
  EXPECT_EQ(put("{\"uri\": ").status, 400);
  EXPECT_EQ(put("[]").status, 400);
  EXPECT_EQ(put("{\"uri\": 7}").json()["field"], "uri");
  EXPECT_EQ(put("{\"uri\": null}").json()["field"], "uri");
  EXPECT_EQ(put("{}").json()["field"], "uri");
  EXPECT_EQ(put("{\"uri\": \"" + std::string(1025, 'x') + "\"}").json()["field"], "uri");
  EXPECT_EQ(put(std::string(200'000, '[')).status, 400);
  EXPECT_EQ(put("{\"uri\": \"\xff\xfe\"}").status, 400);
  EXPECT_EQ(put("{\"uri\": \"x\"}", {{"Content-Type", "text/plain"}}).problem(),
            "wrong-content-type");
  EXPECT_EQ(put("{\"uri\": \"x\"}", {{"Content-Type", "application/x-www-form-urlencoded"}}).status,
            415);
  // A remedy stands beside every one of them.
  EXPECT_FALSE(put("[]").json()["remedy"].get<std::string>().empty());
  ExpectUnharmed();
}

TEST_F(AttacksTest, BodiesThatAreTooLongAreRefusedBeforeTheyAreRead) {
  Start();
  const Client browser = Browser();
  Socket announced(port());
  announced.Send(
      browser.TextOf("PUT", "/api/v1/camera", {},
                     {{"Content-Length", "99999999"}, {"Content-Type", "application/json"}}));
  const Answer refused = announced.ReadAnswer();
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.problem(), "too-large");

  Socket chunked(port());
  chunked.Send(
      browser.TextOf("PUT", "/api/v1/camera", {},
                     {{"Transfer-Encoding", "chunked"}, {"Content-Type", "application/json"}}));
  const std::string chunk = "10000\r\n" + std::string(65536, ' ') + "\r\n";
  for (int i = 0; i < 20; ++i) chunked.Send(chunk);
  EXPECT_EQ(chunked.ReadAnswer().status, 413);

  Socket endless_head(port());
  endless_head.Send("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
  EXPECT_EQ(endless_head.ReadAnswer().status, 431);
  ExpectUnharmed();
}

TEST_F(AttacksTest, WhatIsNoHttpIsRefused) {
  Start();
  const std::string host = "Host: 127.0.0.1:" + std::to_string(port()) + "\r\n";
  for (const std::string& text :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n", 30),
        std::string("GET / HTTP/3.0\r\n\r\n"), std::string("GET  / HTTP/1.1\r\n\r\n"),
        std::string("get\r\n\r\n"), "GET / HTTP/1.1\r\n" + host + "No Colon\r\n\r\n",
        "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\nB\r\n\r\n",
        // Two ways to say how long a body is: where another reads the one, this must not the other.
        "POST /api/v1/session HTTP/1.1\r\n" + host +
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/session HTTP/1.1\r\n" + host +
            "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST /api/v1/session HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n"}) {
    Socket socket(port());
    socket.Send(text);
    const Answer answer = socket.ReadAnswer();
    EXPECT_EQ(answer.status, 400) << text;
  }
  ExpectUnharmed();
}

TEST_F(AttacksTest, AnswersCarryTheHeadersThatConfineThem) {
  Start();
  for (const std::string path : {"/", "/api/v1/health", "/api/v1/status", "/nothing"}) {
    const Answer answer = Script().Get(path);
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff") << path;
    EXPECT_EQ(answer.headers.at("x-frame-options"), "DENY");
    EXPECT_THAT(answer.headers.at("content-security-policy"), StartsWith("default-src 'none'"));
    EXPECT_THAT(answer.headers.at("content-security-policy"), Not(HasSubstr("unsafe")));
    EXPECT_EQ(answer.headers.at("referrer-policy"), "no-referrer");
    EXPECT_FALSE(answer.headers.contains("server"));
  }
}

TEST_F(AttacksTest, SlowClientsAreCutOffAndHoldNobodyUp) {
  options_.server.head_ms = 600;
  options_.server.stalled_ms = 600;
  options_.server.num_workers = 1;
  Start();
  const Client browser = Browser();
  std::vector<std::unique_ptr<Socket>> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(std::make_unique<Socket>(port()));
    // Half a head, or half a body.
    if (i % 2 == 0) slow.back()->Send("GET / HTTP/1.1\r\nHo");
    if (i % 2 == 1) {
      slow.back()->Send(
          browser.TextOf("PUT", "/api/v1/camera", {},
                         {{"Content-Length", "20"}, {"Content-Type", "application/json"}}) +
          "{");
    }
  }
  for (int i = 0; i < 20; ++i) ExpectUnharmed();
  for (auto& socket : slow) {
    socket->ReadUntil("", 5000);
    EXPECT_TRUE(socket->has_ended);
  }
  ExpectUnharmed();
}

TEST_F(AttacksTest, AThousandConnectionsLeaveRoomForWork) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  // Both ends of each are of this process.
  if (limit.rlim_max < 2300) GTEST_SKIP() << "may open " << limit.rlim_max << " files only";
  options_.server.head_ms = 60'000;
  options_.server.num_workers = 2;
  Start();
  const Client browser = Browser();
  std::vector<std::unique_ptr<Socket>> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(std::make_unique<Socket>(port()));
    ASSERT_TRUE(many.back()->is_connected()) << i;
    // A third says nothing, a third stops in the middle, a third asks and stays.
    if (i % 3 == 1) many.back()->Send("GET /api/v1/health HTTP/1.1\r\n");
    if (i % 3 == 2) many.back()->Send(browser.TextOf("GET", "/api/v1/health"));
  }
  for (size_t i = 2; i < many.size(); i += 3) EXPECT_EQ(many[i]->ReadAnswer().status, 200) << i;
  EXPECT_EQ(browser.Get("/api/v1/status").status, 200);
  // And once more than there is room: who waits between two requests goes first.
  for (int i = 0; i < 60; ++i) many.push_back(std::make_unique<Socket>(port()));
  ExpectUnharmed();
  many.clear();
  ExpectUnharmed();
}

TEST_F(AttacksTest, OneTooManyIsToldSo) {
  options_.server.max_connections = 8;
  Start();
  std::vector<std::unique_ptr<Socket>> many;
  for (int i = 0; i < 9; ++i) many.push_back(std::make_unique<Socket>(port()));
  Socket last(port());
  const Answer answer = last.ReadAnswer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.at("retry-after"), "2");
}

}  // namespace
}  // namespace deixis::studio::testing
