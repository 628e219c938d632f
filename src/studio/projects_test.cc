// Several projects in one studio: made, opened in turn, and held against other studios.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "studio/testing/studio_fixture.h"

namespace deixis::studio::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ProjectsTest : public StudioTest {
 protected:
  static Answer Make(const Client& client, const std::string& name) {
    return client.Send("POST", "/api/v1/projects", R"({"name": ")" + name + "\"}");
  }
  static Answer OpenOther(const Client& client, const std::string& id) {
    return client.Send("POST", "/api/v1/projects/" + id + "/open");
  }
  static void AddCategory(const Client& client, const std::string& name) {
    ASSERT_EQ(
        client.Send("POST", "/api/v1/datasets/things/categories", R"({"name": ")" + name + "\"}")
            .status,
        201);
  }
  static std::vector<std::string> Categories(const Client& client) {
    std::vector<std::string> names;
    const auto dataset = client.Get("/api/v1/datasets/things").json();
    for (const auto& category : dataset["categories"]) names.push_back(category["name"]);
    return names;
  }
};

TEST_F(ProjectsTest, EachHasItsOwnPictures) {
  Start();
  const Client browser = Browser();
  AddCategory(browser, "mug");
  const Answer made = Make(browser, "garden tools");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["id"], "garden tools");
  EXPECT_EQ(made.json()["is_open"], true);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "garden tools/project.json"));
  EXPECT_THAT(Categories(browser), ElementsAre("nothing"));
  AddCategory(browser, "rake");

  ASSERT_EQ(OpenOther(browser, "project").status, 200);
  EXPECT_THAT(Categories(browser), ElementsAre("mug", "nothing"));
  EXPECT_EQ(browser.Get("/api/v1/status").json()["project"]["id"], "project");
  ASSERT_EQ(OpenOther(browser, "garden%20tools").status, 200);
  EXPECT_THAT(Categories(browser), ElementsAre("nothing", "rake"));

  const auto projects = browser.Get("/api/v1/projects").json()["projects"];
  ASSERT_EQ(projects.size(), 2u);
  EXPECT_EQ(projects[0]["id"], "garden tools");
  EXPECT_EQ(projects[0]["is_open"], true);
  EXPECT_EQ(projects[1]["is_open"], false);
  // Only the one that is open is renamed.
  EXPECT_EQ(browser.Send("PATCH", "/api/v1/projects/project", R"({"name": "x"})").status, 404);
  EXPECT_EQ(browser.Send("PATCH", "/api/v1/projects/garden%20tools", R"({"name": "Shed"})").status,
            200);
  EXPECT_EQ(browser.Get("/api/v1/projects").json()["projects"][0]["name"], "Shed");
}

TEST_F(ProjectsTest, PagesAreTold) {
  Start();
  const Client browser = Browser();
  Socket reader(port());
  reader.Send(browser.TextOf("GET", "/api/v1/events"));
  ASSERT_TRUE(reader.ReadUntil("event: snapshot", 5000));
  ASSERT_EQ(Make(browser, "second").status, 201);
  EXPECT_TRUE(reader.ReadUntil("event: project", 5000)) << reader.text;
  EXPECT_TRUE(reader.ReadUntil("\"id\":\"second\"", 5000)) << reader.text;
}

TEST_F(ProjectsTest, NothingButAProjectBesideThisOneIsOpened) {
  Start();
  const Client browser = Browser();
  std::filesystem::create_directories(folder_ / "letters");
  EXPECT_EQ(OpenOther(browser, "letters").status, 404);
  EXPECT_EQ(OpenOther(browser, "none").status, 404);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
  EXPECT_EQ(Make(browser, "letters").status, 409);
  EXPECT_EQ(Make(browser, "project").status, 409);
  EXPECT_EQ(std::filesystem::exists(folder_ / "letters/project.json"), false);
  for (const char* name : {"../outside", ".hidden", "a/b", " x"}) {
    const Answer refused = Make(browser, name);
    EXPECT_GE(refused.status, 400) << name;
    EXPECT_LT(refused.status, 500) << name;
  }
  for (const char* id : {"..", "%2e%2e", "..%2fproject", ".studio"}) {
    const Answer refused = OpenOther(browser, id);
    EXPECT_GE(refused.status, 400) << id;
    EXPECT_LT(refused.status, 500) << id;
  }
  EXPECT_EQ(browser.Get("/api/v1/status").json()["project"]["id"], "project");
}

TEST_F(ProjectsTest, AProjectThatCannotBeReadLeavesTheOtherOpen) {
  Start();
  const Client browser = Browser();
  ASSERT_EQ(Make(browser, "broken").status, 201);
  ASSERT_EQ(OpenOther(browser, "project").status, 200);
  std::ofstream(folder_ / "broken/project.json") << "not json";
  EXPECT_EQ(OpenOther(browser, "broken").status, 422);
  EXPECT_EQ(browser.Get("/api/v1/status").json()["project"]["id"], "project");
  // Its lock was given up again.
  std::filesystem::remove(folder_ / "broken/project.json");
  std::ofstream(folder_ / "broken/project.json") << "{}";
  EXPECT_EQ(OpenOther(browser, "broken").status, 200);
}

TEST_F(ProjectsTest, AnotherStudioHasIt) {
  Start();
  const Client browser = Browser();
  StudioOptions others = options_;
  auto same = Studio::Start(others);
  ASSERT_FALSE(same.ok());
  EXPECT_EQ(same.error().code, ErrorCode::kBusy);
  EXPECT_THAT(same.error().message, HasSubstr("process"));
  others.project_folder = (folder_ / "second").string();
  auto other = Studio::Start(others);
  ASSERT_TRUE(other.ok()) << other.error().message;
  const Answer refused = OpenOther(browser, "second");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(browser.Get("/api/v1/status").json()["project"]["id"], "project");
  other->reset();
  EXPECT_EQ(OpenOther(browser, "second").status, 200);
  // Its own files stay in the first, which is held as long as it runs.
  others.project_folder = options_.project_folder;
  EXPECT_FALSE(Studio::Start(others).ok());
}

TEST_F(ProjectsTest, OpenedWhileOthersAsk) {
  options_.camera_uri = "scene://seed=1&size=160x120&fps=60";
  Start();
  const Client browser = Browser();
  ASSERT_EQ(Make(browser, "second").status, 201);
  std::atomic<bool> is_done = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&, i] {
      const char* const paths[] = {"/api/v1/status", "/api/v1/datasets/things", "/api/v1/models"};
      const Client client = Script();
      while (!is_done) {
        if (client.Get(paths[i]).status != 200) ++wrong;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(OpenOther(browser, i % 2 == 0 ? "project" : "second").status, 200);
  }
  is_done = true;
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace deixis::studio::testing
