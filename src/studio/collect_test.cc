// Collecting, as the page does it: frames that were seen, marks, taking back.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "studio/testing/studio_fixture.h"

namespace deixis::studio::testing {
namespace {

using ::testing::HasSubstr;

class CollectTest : public StudioTest {
 protected:
  CollectTest() { options_.camera_uri = "scene://seed=1&size=160x120&fps=60"; }

  Answer Frame(const Client& client, const std::string& after = "0") {
    return client.Get("/api/v1/camera/frame?after=" + after);
  }
  // Each is another frame: the same picture twice would be a duplicate.
  Answer Save(const Client& client, const std::string& dataset, const std::string& members) {
    const Answer frame = Frame(client, last_);
    last_ = frame.headers.at("deixis-frame-id");
    bytes_ = frame.body;
    return client.Send("POST", "/api/v1/datasets/" + dataset + "/samples",
                       "{\"frame_id\": " + last_ + ", " + members + "}");
  }

  std::string last_ = "0";
  std::string bytes_;
};

TEST_F(CollectTest, WhatIsSavedIsTheFrameThatWasSeen) {
  Start();
  const Client browser = Browser();
  EXPECT_EQ(browser.Get("/api/v1/datasets/things").json()["categories"][0]["name"], "nothing");
  ASSERT_EQ(
      browser.Send("POST", "/api/v1/datasets/things/categories", "{\"name\": \"mug\"}").status,
      201);
  EXPECT_EQ(
      browser.Send("POST", "/api/v1/datasets/things/categories", "{\"name\": \"mug\"}").status,
      409);
  const Answer saved = Save(browser, "things", R"("category": "mug", "burst": "a")");
  ASSERT_EQ(saved.status, 201) << saved.body;
  const std::string shown = bytes_;
  const std::string path =
      "/api/v1/datasets/things/samples/" + saved.json()["id"].get<std::string>();
  EXPECT_EQ(browser.Get(path + "/image").body, shown);
  EXPECT_EQ(browser.Get(path + "/thumbnail").headers.at("content-type"), "image/jpeg");
  EXPECT_EQ(browser.Get(path).json()["category"], "mug");
  // A frame that is gone is not replaced by another one.
  const Answer gone = browser.Send("POST", "/api/v1/datasets/things/samples",
                                   R"({"frame_id": 99999999, "category": "mug"})");
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.problem(), "frame-gone");

  ASSERT_EQ(browser.Send("PATCH", path, R"({"category": "nothing"})").status, 200);
  EXPECT_EQ(browser.Get(path).json()["category"], "nothing");
  const Answer undone = browser.Send("POST", "/api/v1/datasets/things/undo");
  EXPECT_EQ(undone.json()["undone"], "relabel") << undone.body;
  EXPECT_EQ(browser.Get(path).json()["category"], "mug");
  EXPECT_EQ(browser.Send("DELETE", path).status, 204);
  EXPECT_EQ(browser.Get(path).status, 404);
  EXPECT_EQ(browser.Send("POST", "/api/v1/datasets/things/undo").status, 200);
  EXPECT_EQ(browser.Get(path).status, 200);
}

TEST_F(CollectTest, ABurstIsTakenBackAtOnce) {
  Start();
  const Client browser = Browser();
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(Save(browser, "things", R"("category": "cup", "burst": "b1")").status, 201);
  }
  EXPECT_EQ(browser.Get("/api/v1/datasets/things/samples?category=cup").json()["total"], 4);
  EXPECT_EQ(browser.Get("/api/v1/datasets/things/samples?limit=2").json()["samples"].size(), 2u);
  EXPECT_EQ(browser.Send("POST", "/api/v1/datasets/things/undo").json()["pictures"], 4);
  EXPECT_EQ(browser.Get("/api/v1/datasets/things/samples").json()["total"], 0);
  EXPECT_EQ(browser.Send("POST", "/api/v1/datasets/things/redo").json()["pictures"], 4);
  const auto listed = browser.Get("/api/v1/datasets/things/samples").json()["samples"];
  nlohmann::ordered_json body;
  for (const auto& sample : listed) body["samples"].push_back(sample["id"]);
  EXPECT_EQ(
      browser.Send("POST", "/api/v1/datasets/things/samples/delete", body.dump()).json()["deleted"],
      4);
}

TEST_F(CollectTest, MarksComeBackWhereTheyWereSet) {
  Start();
  const Client browser = Browser();
  const Answer unmarked = Save(browser, "pointing", R"("burst": "x")");
  ASSERT_EQ(unmarked.status, 201) << unmarked.body;
  EXPECT_TRUE(unmarked.json()["present"].is_null());
  EXPECT_EQ(browser.Get("/api/v1/datasets/pointing/samples?unmarked=true").json()["total"], 1);
  const std::string path =
      "/api/v1/datasets/pointing/samples/" + unmarked.json()["id"].get<std::string>();
  const Answer marked = browser.Send("PATCH", path,
                                     R"({"points": [{"category": "fingertip", "x": 0.5, "y": 0.25},
                     {"category": "knuckle", "x": 1, "y": 0}]})");
  ASSERT_EQ(marked.status, 200) << marked.body;
  const auto points = marked.json()["points"];
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0]["category"], "fingertip");
  EXPECT_NEAR(points[0]["x"].get<double>(), 0.5, 1e-9);
  EXPECT_NEAR(points[0]["y"].get<double>(), 0.25, 1e-9);
  // The very edge is moved onto the last pixel.
  EXPECT_NEAR(points[1]["x"].get<double>(), 1 - 0.5 / 160, 1e-9);
  EXPECT_EQ(marked.json()["present"], true);
  EXPECT_EQ(browser.Send("PATCH", path, R"({"present": false})").json()["present"], false);
  for (const std::string bad :
       {R"({"points": [{"category": "fingertip", "x": 1.1, "y": 0}]})",
        R"({"points": [{"category": "thumb", "x": 0, "y": 0}]})",
        R"({"points": [{"category": "fingertip", "x": "0", "y": 0}]})", R"({"points": [7]})"}) {
    EXPECT_EQ(browser.Send("PATCH", path, bad).json()["field"], "points") << bad;
  }
}

TEST_F(CollectTest, PicturesAreTakenAndOtherThingsAreNot) {
  Start();
  const Client browser = Browser();
  const std::string path = "/api/v1/datasets/things/pictures?category=mug";
  const std::string jpeg = Frame(browser).body;
  const Client::Headers as_jpeg = {{"Content-Type", "image/jpeg"}};
  EXPECT_EQ(browser.Send("POST", path, jpeg, as_jpeg).status, 201);
  EXPECT_EQ(browser.Send("POST", path, jpeg, as_jpeg).json()["is_duplicate"], true);
  EXPECT_EQ(browser.Send("POST", path, "no picture", as_jpeg).problem(), "invalid-data");
  EXPECT_EQ(browser.Send("POST", path, jpeg.substr(0, jpeg.size() / 2), as_jpeg).status, 422);
  EXPECT_EQ(browser.Send("POST", path, jpeg, {{"Content-Type", "text/html"}}).status, 415);
  for (const std::string category : {"..", "%2e%2e%2fout", ".hidden", "a%2fb", ""}) {
    const Answer answer = browser.Send(
        "POST", "/api/v1/datasets/things/pictures?category=" + category, jpeg, as_jpeg);
    EXPECT_EQ(answer.status, 400) << category << answer.body;
  }
  EXPECT_EQ(browser.Get("/api/v1/datasets/other").status, 404);
}

TEST_F(CollectTest, UploadsAreKeptApartAndRemoved) {
  Start();
  const Client browser = Browser();
  const std::string body(300'000, 'x');
  const Answer sent = browser.Send("POST", "/api/v1/uploads?name=..%2f..%2fevil.zip", body,
                                   {{"Content-Type", "application/zip"}});
  ASSERT_EQ(sent.status, 201) << sent.body;
  EXPECT_EQ(sent.json()["bytes"], 300'000);
  const std::string upload = sent.json()["upload"].get<std::string>();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "project/.studio" / ("upload-" + upload + ".zip")));
  // No model, and said so.
  const Answer model =
      browser.Send("POST", "/api/v1/models", "{\"upload\": \"" + upload + "\", \"name\": \"x\"}");
  EXPECT_EQ(model.status, 422) << model.body;
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/uploads/" + upload).status, 204);
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/uploads/" + upload).status, 404);
  EXPECT_TRUE(browser.Send("POST", "/api/v1/uploads", "", {}).status == 400);
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "project/.studio")) {
    left += entry.path().filename() != "token" && entry.path().filename() != "lock";
  }
  EXPECT_EQ(left, 0);
}

TEST_F(CollectTest, TheProjectIsThereAfterARestart) {
  Start();
  ASSERT_EQ(Save(Browser(), "things", R"("category": "mug")").status, 201);
  const std::string token = studio_->bearer_token();
  studio_.reset();
  Start();
  EXPECT_EQ(studio_->bearer_token(), token);
  EXPECT_EQ(Script().Get("/api/v1/status").json()["datasets"]["things"]["samples"], 1);
}

}  // namespace
}  // namespace deixis::studio::testing
