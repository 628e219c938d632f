// A real studio on a free port, with a project in a temporary folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "studio/studio.h"
#include "studio/testing/http_client.h"

namespace deixis::studio::testing {

class StudioTest : public ::testing::Test {
 protected:
  StudioTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "deixis-studio-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    options_.server.port = 0;
    options_.project_folder = (folder_ / "project").string();
    options_.version = "test";
  }
  ~StudioTest() override {
    studio_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void Start() {
    auto studio = Studio::Start(options_);
    ASSERT_TRUE(studio.ok()) << studio.error().message;
    studio_ = std::move(*studio);
  }

  int port() const { return studio_->port(); }
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(port()); }
  // Signs in as a browser does.
  Client Browser() {
    const std::string link = studio_->NewLink();
    const Answer answer = Client(port()).Get(link.substr(link.find("/?")));
    const std::string cookie = answer.headers.at("set-cookie");
    return Client(port(), {{"Cookie", cookie.substr(0, cookie.find(';'))}, {"Origin", origin()}});
  }
  Client Script() {
    return Client(port(), {{"Authorization", "Bearer " + studio_->bearer_token()}});
  }
  Client Nobody() { return Client(port()); }

  std::filesystem::path folder_;
  StudioOptions options_;
  std::unique_ptr<Studio> studio_;
};

}  // namespace deixis::studio::testing
