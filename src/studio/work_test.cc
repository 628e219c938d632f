// Models, jobs and live, with the program itself as the child: skipped where it was not built.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include "base/rng.h"
#include "network/model.h"
#include "pipeline/testing/random_backbone.h"
#include "studio/testing/studio_fixture.h"
#include "vision/codecs.h"

namespace deixis::studio::testing {
namespace {

using ::testing::HasSubstr;

class WorkTest : public StudioTest {
 protected:
  WorkTest() {
    options_.camera_uri = "scene://seed=1&size=160x120&fps=60";
    std::error_code ignored;
    options_.program =
        (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "deixis")
            .string();
  }
  bool has_program() const { return std::filesystem::exists(options_.program); }

  // A project with pictures of two things and a small network.
  void Prepare(const Client& client) {
    const Model backbone = deixis::testing::RandomBackbone();
    ASSERT_TRUE(SaveModel((folder_ / "project/models/small.safetensors").string(), backbone).ok());
    for (int i = 0; i < 12; ++i) Put(client, "mug", 0);
    for (int i = 0; i < 12; ++i) Put(client, "nothing", 2);
  }
  // Noise of one tint: no two are alike, so that both sides of the split have some of each.
  void Put(const Client& client, const std::string& category, size_t tinted_channel) {
    Image image{.height_px = 32, .width_px = 32, .pixels = std::vector<uint8_t>(32 * 32 * 3)};
    for (size_t k = 0; k < image.pixels.size(); ++k) {
      image.pixels[k] =
          static_cast<uint8_t>(rng_.Uniform(0, 128) + (k % 3 == tinted_channel ? 127 : 0));
    }
    const auto png = internal::EncodePng(image);
    ASSERT_TRUE(png.ok());
    const std::string bytes(reinterpret_cast<const char*>(png->data()), png->size());
    const Answer saved =
        client.Send("POST", "/api/v1/datasets/things/pictures?category=" + category, bytes,
                    {{"Content-Type", "image/png"}});
    ASSERT_EQ(saved.status, 201) << saved.body;
  }

  nlohmann::ordered_json Finished(const Client& client, const std::string& id) {
    for (int i = 0; i < 600; ++i) {
      const auto job = client.Get("/api/v1/jobs/" + id).json();
      if (job["state"] != "running") return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return {};
  }

  Rng rng_{11};
};

TEST_F(WorkTest, ModelsAreNamedMovedAndNeverReplaced) {
  Start();
  const Client browser = Browser();
  Prepare(browser);
  const Answer listed = browser.Get("/api/v1/models");
  ASSERT_EQ(listed.json()["models"][0]["id"], "small") << listed.body;
  const Answer whole = browser.Get("/api/v1/models/small");
  ASSERT_FALSE(whole.json()["layers"].empty());
  EXPECT_EQ(browser.Send("PATCH", "/api/v1/models/small", R"({"name": "../out"})").status, 400);
  EXPECT_EQ(browser.Send("PATCH", "/api/v1/models/small", R"({"name": "my net"})").status, 200);
  EXPECT_EQ(browser.Get("/api/v1/models/small").status, 404);
  EXPECT_EQ(browser.Send("POST", "/api/v1/models/my%20net/activate").json()["active"][0],
            "objects");
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/models/my%20net").status, 409);
  ASSERT_TRUE(std::filesystem::copy_file(folder_ / "project/models/my net.safetensors",
                                         folder_ / "project/models/other.safetensors"));
  EXPECT_EQ(browser.Send("PATCH", "/api/v1/models/other", R"({"name": "my net"})").problem(),
            "conflict");
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/models/other").status, 204);
  EXPECT_EQ(browser.Get("/api/v1/models").json()["deleted"][0]["id"], "other");
  EXPECT_EQ(browser.Send("POST", "/api/v1/models/other/restore").status, 200);
  const Answer file = browser.Get("/api/v1/models/other/file");
  EXPECT_EQ(file.body.size(),
            std::filesystem::file_size(folder_ / "project/models/other.safetensors"));
  EXPECT_THAT(file.headers.at("content-disposition"), HasSubstr("other.safetensors"));
  EXPECT_EQ(browser.Get("/api/v1/models/other/file?format=exe").status, 400);
}

TEST_F(WorkTest, MoreCentroidsLeaveLessError) {
  Start();
  const Client browser = Browser();
  Prepare(browser);
  const auto layers = browser.Get("/api/v1/models/small").json()["layers"];
  const std::string path =
      "/api/v1/models/small/layers/" + layers.back()["name"].get<std::string>() + "/weights";
  const auto plain = browser.Get(path).json();
  EXPECT_FALSE(plain.contains("codebook"));
  EXPECT_EQ(plain["weights"].size(), plain["weights_per_node"]);
  double last = 1e9;
  for (const int k : {2, 3, 8, 16}) {
    const auto shared = browser.Get(path + "?k=" + std::to_string(k)).json();
    ASSERT_EQ(shared["codebook"].size(), static_cast<size_t>(k)) << shared.dump();
    EXPECT_LT(shared["layer_mse"].get<double>(), last);
    last = shared["layer_mse"].get<double>();
  }
  const auto pruned = browser.Get(path + "?k=8&prune=true").json();
  EXPECT_FALSE(pruned["zero_index"].is_null());
  EXPECT_GT(pruned["zero_share"].get<double>(), 0);
  EXPECT_EQ(browser.Get(path + "?k=1").json()["field"], "k");
  EXPECT_EQ(browser.Get(path + "?node=100000").status, 400);
  EXPECT_EQ(browser.Get("/api/v1/models/small/layers/none/weights").status, 404);
}

TEST_F(WorkTest, TeachesJudgesAndCompresses) {
  if (!has_program()) GTEST_SKIP() << "needs the program deixis beside this test";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  const Answer started = browser.Send(
      "POST", "/api/v1/jobs",
      R"({"kind": "teach", "dataset": "things", "backbone": "small", "name": "taught"})");
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string id = started.json()["id"];
  EXPECT_EQ(started.headers.at("location"), "/api/v1/jobs/" + id);
  const auto taught = Finished(browser, id);
  ASSERT_EQ(taught["state"], "done") << taught.dump(1);
  EXPECT_EQ(taught["model"], "taught");
  EXPECT_EQ(browser.Get("/api/v1/models/taught").json()["made_from"], "small");
  // The name is taken now.
  EXPECT_EQ(browser
                .Send("POST", "/api/v1/jobs",
                      R"({"kind": "teach", "dataset": "things", "backbone": "small",
                          "name": "taught"})")
                .status,
            409);

  const auto judged =
      Finished(browser, browser
                            .Send("POST", "/api/v1/jobs",
                                  R"({"kind": "evaluate", "model": "taught", "dataset": "things",
                                "split": "all"})")
                            .json()["id"]);
  ASSERT_EQ(judged["state"], "done") << judged.dump(1);
  EXPECT_EQ(judged["result"]["pictures"].size(), 24u);
  int64_t counted = 0;
  int64_t right = 0;
  const auto& confusion = judged["result"]["confusion"];
  for (size_t row = 0; row < confusion.size(); ++row) {
    for (const auto& cell : confusion[row]) counted += cell.get<int64_t>();
    right += confusion[row][row].get<int64_t>();
  }
  EXPECT_EQ(counted, 24);
  EXPECT_GT(right, 0);
  EXPECT_NEAR(judged["result"]["top1"].get<double>() * 24, static_cast<double>(right), 1e-6);

  const auto small =
      Finished(browser, browser
                            .Send("POST", "/api/v1/jobs",
                                  R"({"kind": "compress", "model": "taught", "name": "taught 4",
                                "dataset": "things", "centroids": 4})")
                            .json()["id"]);
  ASSERT_EQ(small["state"], "done") << small.dump(1);
  const auto plans = browser.Get("/api/v1/models/taught/plans").json()["plans"];
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0]["model"], "taught 4");
  EXPECT_GT(plans[0]["latency_ms"].get<double>(), 0);

  // Live, with the taught model on whole pictures and the small one beside it.
  Socket reader(port());
  reader.Send(browser.TextOf("GET", "/api/v1/events"));
  const Answer live = browser.Send(
      "PUT", "/api/v1/live", R"({"pointer": null, "objects": "taught", "compare": "taught 4"})");
  ASSERT_EQ(live.status, 200) << live.body;
  EXPECT_EQ(live.json()["running"], true);
  EXPECT_TRUE(reader.ReadUntil("event: live\n", 10'000));
  EXPECT_TRUE(reader.ReadUntil("\"compare\":{\"labels\"", 10'000));
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/live").json()["running"], false);
}

TEST_F(WorkTest, ACategoryThatNothingIsHeldOutOfKeepsItsName) {
  if (!has_program()) GTEST_SKIP() << "needs the program deixis beside this test";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  // One picture: it is learnt from. Its category comes first, so that the others' labels count.
  Put(browser, "clip", 1);
  const auto finish = [&](const std::string& job) {
    return Finished(browser, browser.Send("POST", "/api/v1/jobs", job).json()["id"]);
  };
  for (const char* job :
       {R"({"kind": "teach", "dataset": "things", "backbone": "small", "name": "taught"})",
        R"({"kind": "evaluate", "model": "taught", "dataset": "things"})",
        R"({"kind": "compress", "model": "taught", "name": "taught 4", "dataset": "things",
            "centroids": 4})"}) {
    const auto done = finish(job);
    EXPECT_EQ(done["state"], "done") << done.dump(1);
  }
}

TEST_F(WorkTest, AJobThatIsKilledSaysSo) {
  // A program that never ends, in place of deixis.
  const std::string program = (folder_ / "sleeper").string();
  {
    std::ofstream script(program);
    script << "#!/bin/sh\necho '{\"schema\":1,\"event\":\"progress\",\"task\":\"dreaming\","
              "\"share\":0.25}' >&2\necho $$ > "
           << (folder_ / "pid").string() << "\nexec sleep 60\n";
  }
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  options_.program = program;
  Start();
  const Client browser = Browser();
  Prepare(browser);
  const std::string request =
      R"({"kind": "teach", "dataset": "things", "backbone": "small", "name": "x"})";
  const auto wait_for_dream = [&](const std::string& id) {
    for (int i = 0; i < 200; ++i) {
      const auto job = browser.Get("/api/v1/jobs/" + id).json();
      if (job["progress"].is_object() && job["progress"]["task"] == "dreaming") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  };
  const std::string first = browser.Send("POST", "/api/v1/jobs", request).json()["id"];
  ASSERT_TRUE(wait_for_dream(first));
  const Answer second = browser.Send("POST", "/api/v1/jobs", request);
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(second.problem(), "job-running");
  EXPECT_EQ(second.json()["job"], first);
  // Nor is its project left while it runs.
  EXPECT_EQ(browser.Send("POST", "/api/v1/projects", R"({"name": "other"})").status, 409);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other"));
  EXPECT_EQ(browser.Get("/api/v1/status").json()["project"]["id"], "project");
  int pid = 0;
  std::ifstream(folder_ / "pid") >> pid;
  ASSERT_GT(pid, 1);
  kill(pid, SIGKILL);
  const auto lost = Finished(browser, first);
  EXPECT_EQ(lost["state"], "lost") << lost.dump(1);
  EXPECT_THAT(lost["error"]["message"].get<std::string>(), HasSubstr("killed"));
  EXPECT_EQ(browser.Send("POST", "/api/v1/jobs/" + first + "/resume").status, 409);

  const std::string cancelled = browser.Send("POST", "/api/v1/jobs", request).json()["id"];
  ASSERT_TRUE(wait_for_dream(cancelled));
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/jobs/" + cancelled).status, 202);
  EXPECT_EQ(Finished(browser, cancelled)["state"], "cancelled");
  EXPECT_EQ(browser.Send("DELETE", "/api/v1/jobs/" + cancelled).status, 204);

  // And one that runs when the studio ends.
  const std::string left = browser.Send("POST", "/api/v1/jobs", request).json()["id"];
  ASSERT_TRUE(wait_for_dream(left));
  studio_.reset();
  Start();
  const auto found = Script().Get("/api/v1/jobs/" + left).json();
  EXPECT_EQ(found["state"], "lost");
  EXPECT_THAT(found["error"]["message"].get<std::string>(), HasSubstr("the studio ended"));
}

// The process of a job that trains, found by what it was asked.
int TrainerIn(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 1) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string words(std::istreambuf_iterator<char>(file), {});
    if (words.find("deixis-train") != std::string::npos &&
        words.find(folder) != std::string::npos) {
      return pid;
    }
  }
  return 0;
}

// The id of a training of that many epochs, three of which have been told.
std::string TrainingUnderWay(const Client& browser, int epochs) {
  const Json request = {{"kind", "finetune"}, {"dataset", "things"}, {"backbone", "small"},
                        {"name", "tuned"},    {"epochs", epochs},    {"batch", 4}};
  const Answer started = browser.Send("POST", "/api/v1/jobs", request.dump());
  EXPECT_EQ(started.status, 202) << started.body;
  const std::string id = started.json()["id"];
  for (int i = 0; i < 1200; ++i) {
    if (browser.Get("/api/v1/jobs/" + id).json()["curve"].size() >= 3) return id;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ADD_FAILURE() << browser.Get("/api/v1/jobs/" + id).body;
  return id;
}

void ExpectEveryEpoch(const Json& job, int epochs) {
  ASSERT_EQ(job["state"], "done") << job.dump(1);
  std::vector<int> told;
  for (const auto& point : job["curve"]) told.push_back(point["epoch"]);
  std::vector<int> all(static_cast<size_t>(epochs));
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(told, all);
}

TEST_F(WorkTest, ATrainingThatIsKilledGoesOnWhereItWas) {
  const auto trainer = std::filesystem::path(options_.program).parent_path() / "deixis-train";
  if (!std::filesystem::exists(trainer)) GTEST_SKIP() << "deixis-train was not built";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  constexpr int kEpochs = 40;
  const std::string id = TrainingUnderWay(browser, kEpochs);
  const int pid = TrainerIn(folder_.string());
  ASSERT_GT(pid, 1) << browser.Get("/api/v1/jobs/" + id).body;
  kill(pid, SIGKILL);
  const auto lost = Finished(browser, id);
  ASSERT_EQ(lost["state"], "lost") << lost.dump(1);
  EXPECT_EQ(lost["can_resume"], true);
  EXPECT_THAT(lost["error"]["remedy"].get<std::string>(), HasSubstr("resume"));
  const size_t known = lost["curve"].size();
  ASSERT_GE(known, 3u);
  ASSERT_LT(known, static_cast<size_t>(kEpochs));

  // The studio is started again as well, and a picture has come meanwhile.
  studio_.reset();
  Start();
  const Client again = Browser();
  ASSERT_EQ(again.Get("/api/v1/jobs/" + id).json()["can_resume"], true);
  const auto samples = again.Get("/api/v1/datasets/things/samples?limit=1").json();
  const std::string newest = samples["samples"][0]["id"];
  ASSERT_EQ(
      again.Send("PATCH", "/api/v1/datasets/things/samples/" + newest, R"({"category": "mug"})")
          .status,
      200);
  ASSERT_EQ(again.Send("POST", "/api/v1/jobs/" + id + "/resume").status, 202);
  const auto done = Finished(again, id);
  ExpectEveryEpoch(done, kEpochs);
  EXPECT_EQ(done["model"], "tuned");
  EXPECT_EQ(again.Get("/api/v1/models/tuned").json()["made_by"], "finetune");
}

TEST_F(WorkTest, ATrainingThatEndedWithTheStudioGoesOnWhereItWas) {
  const auto trainer = std::filesystem::path(options_.program).parent_path() / "deixis-train";
  if (!std::filesystem::exists(trainer)) GTEST_SKIP() << "deixis-train was not built";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  constexpr int kEpochs = 40;
  const std::string id = TrainingUnderWay(browser, kEpochs);
  studio_.reset();  // the job's process ends with it
  Start();
  const Client again = Browser();
  const auto lost = again.Get("/api/v1/jobs/" + id).json();
  ASSERT_EQ(lost["state"], "lost") << lost.dump(1);
  ASSERT_GE(lost["curve"].size(), 3u);
  ASSERT_LT(lost["curve"].size(), static_cast<size_t>(kEpochs));
  ASSERT_EQ(again.Send("POST", "/api/v1/jobs/" + id + "/resume").status, 202);
  ExpectEveryEpoch(Finished(again, id), kEpochs);
}

TEST_F(WorkTest, ADatasetGoesOutAndComesBack) {
  if (!has_program()) GTEST_SKIP() << "deixis was not built";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  const auto run = [&](const std::string& request) {
    const Answer started = browser.Send("POST", "/api/v1/jobs", request);
    EXPECT_EQ(started.status, 202) << started.body;
    return Finished(browser, started.json()["id"]);
  };
  const auto out = run(R"({"kind": "export", "dataset": "things"})");
  ASSERT_EQ(out["state"], "done") << out.dump(1);
  const std::string id = out["id"];
  const Answer archive = browser.Get("/api/v1/jobs/" + id + "/file");
  ASSERT_EQ(archive.status, 200);
  EXPECT_EQ(archive.body.substr(0, 2), "PK");
  EXPECT_EQ(archive.headers.at("content-disposition"), "attachment; filename=\"things.zip\"");

  const auto samples = browser.Get("/api/v1/datasets/things/samples?limit=500").json();
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  for (const auto& sample : samples["samples"]) ids.push_back(sample["id"]);
  ASSERT_EQ(ids.size(), 24u);
  const auto upload = [&](const std::string& bytes) {
    return browser
        .Send("POST", "/api/v1/uploads?name=things.zip", bytes,
              {{"Content-Type", "application/zip"}})
        .json()["upload"]
        .get<std::string>();
  };
  // What is there already is not taken twice.
  const auto twice =
      run(R"({"kind": "import", "dataset": "things", "upload": ")" + upload(archive.body) + "\"}");
  ASSERT_EQ(twice["state"], "done") << twice.dump(1);
  EXPECT_EQ(browser.Get("/api/v1/datasets/things").json()["samples"], 24);
  // What lies in the bin does not keep a picture from coming back.
  ASSERT_EQ(browser
                .Send("POST", "/api/v1/datasets/things/samples/delete",
                      nlohmann::ordered_json{{"samples", ids}}.dump())
                .status,
            200);
  const auto back =
      run(R"({"kind": "import", "dataset": "things", "upload": ")" + upload(archive.body) + "\"}");
  ASSERT_EQ(back["state"], "done") << back.dump(1);
  const auto dataset = browser.Get("/api/v1/datasets/things").json();
  EXPECT_EQ(dataset["samples"], 24);
  EXPECT_EQ(dataset["undo"]["pictures"], 24);

  const auto broken =
      run(R"({"kind": "import", "dataset": "things", "upload": ")" + upload("no archive") + "\"}");
  EXPECT_EQ(broken["state"], "failed");
  EXPECT_EQ(browser.Get("/api/v1/datasets/things").json()["samples"], 24);
}

TEST_F(WorkTest, HandsModelsOutInEveryFormat) {
  if (!has_program()) GTEST_SKIP() << "deixis was not built";
  Start();
  const Client browser = Browser();
  Prepare(browser);
  for (const auto& [format, begins] :
       std::map<std::string, std::string>{{"pth", "PK"}, {"onnx", "\x08"}, {"safetensors", ""}}) {
    const Answer file = browser.Get("/api/v1/models/small/file?format=" + format);
    ASSERT_EQ(file.status, 200) << file.body;
    EXPECT_GT(file.body.size(), 1'000'000u) << format;
    EXPECT_EQ(file.body.substr(0, begins.size()), begins);
    EXPECT_THAT(file.headers.at("content-disposition"), HasSubstr("small." + format));
  }
}

}  // namespace
}  // namespace deixis::studio::testing
