// A dataset's folder beside others: strangers' files in it, other processes, full disks, and kills
// that leave the old state or the new.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/file_lock.h"
#include "vision/codecs.h"
#include "vision/dataset_store.h"
#include "vision/testing/dataset_store_fixture.h"
#include "vision/write_jpeg.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using testing::Files;
using ::testing::HasSubstr;
using testing::Jpeg;
using testing::Summary;

using DatasetStoreFiles = testing::DatasetStoreTest;

// ---- folders that others made -------------------------------------------------------------------

TEST_F(DatasetStoreFiles, TakesFoldersAsTheyAre) {
  fs::create_directories(folder_ / "b");
  fs::create_directories(folder_ / "a");
  for (const char* name : {"b/one.jpg", "b/two.jpg", "a/one.jpg"}) {
    const auto bytes = Jpeg(std::hash<std::string>()(name));
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::ofstream(folder_ / "b/broken.jpg") << "no picture";
  const auto reader = DatasetStore::OpenToRead(folder_.string());
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_FALSE(fs::exists(folder_ / ".deixis"));
  DatasetStore store = Reopen();
  EXPECT_FALSE(fs::exists(folder_ / ".deixis"));
  EXPECT_EQ(Summary(store), Summary(*reader));
  EXPECT_EQ(store.Find(2)->file, "b/broken.jpg");
  EXPECT_EQ(store.Find(2)->height_px, 0);
  EXPECT_EQ(store.Find(1)->height_px, 24);
  ASSERT_TRUE(store.Relabel(std::vector<int64_t>{3}, "a").ok());
  EXPECT_EQ(store.Find(3)->file, "a/one-2.jpg");
  EXPECT_EQ(Summary(Reopen()), Summary(store));
  EXPECT_EQ(Put(store, "a"), 5);
}

TEST_F(DatasetStoreFiles, KeepsColumnsThatAreNotItsOwn) {
  fs::create_directories(folder_);
  for (const char* name : {"x.jpg", "y.jpg"}) {
    ASSERT_TRUE(WriteJpeg((folder_ / name).string(),
                          *DecodeImage(Jpeg(std::hash<std::string>()(name)), "made"))
                    .ok());
  }
  std::ofstream(folder_ / "labels.csv")
      << "file,label,class,student_block,light\nx.jpg,0,mug,7,\"dim, warm\"\ny.jpg,1,pen,8,\n";
  DatasetStore store = Reopen();
  EXPECT_EQ(store.Find(1)->session, "7");
  ASSERT_TRUE(store.Relabel(std::vector<int64_t>{2}, "mug").ok());
  EXPECT_EQ(store.Find(2)->file, "y.jpg");  // it lies in no category's folder
  EXPECT_EQ(Reopen().Find(1)->other.at("light"), "dim, warm");
  EXPECT_THAT(Text("labels.csv"), HasSubstr(",light\n"));
  std::ofstream(folder_ / "labels.csv") << "file,label\n../../etc/passwd,0\n";
  const auto outside = DatasetStore::Open(folder_.string());
  ASSERT_FALSE(outside.ok());
  EXPECT_THAT(outside.error().message,
              HasSubstr("line 2: expected a file in the dataset's folder"));
}

TEST_F(DatasetStoreFiles, TakesMarksFromNames) {
  fs::create_directories(folder_ / "index");
  ASSERT_TRUE(
      WriteJpeg((folder_ / "index/5_8_abc.jpg").string(), *DecodeImage(Jpeg(1), "made")).ok());
  DatasetStore store = Reopen();
  EXPECT_EQ(store.kind(), DatasetKind::kPointing);
  ASSERT_TRUE(store.SetMarks(1, {{"index", Point{6, 8}}}).ok());
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok());
  EXPECT_EQ(dataset->samples[0].point_px->x, 6);
}

// ---- other processes, and the end of this one ---------------------------------------------------

TEST_F(DatasetStoreFiles, SeesWhatAnotherDid) {
  DatasetStore one = MakeThings(1);
  DatasetStore other = Reopen();
  Put(other, "mug");
  EXPECT_EQ(one.samples().size(), 2u);
  ASSERT_TRUE(one.Refresh().ok());
  EXPECT_EQ(one.samples().size(), 3u);
  Put(other, "mug");
  ASSERT_TRUE(one.Delete(std::vector<int64_t>{4}).ok());  // taken in by the edit itself
  ASSERT_TRUE(other.Refresh().ok());
  EXPECT_EQ(Summary(one), Summary(other));
}

TEST_F(DatasetStoreFiles, SaysWhoIsEditing) {
  DatasetStore store = MakeThings(1);
  const auto lock = FileLock::Acquire((folder_ / ".deixis/lock").string(), 0);
  ASSERT_TRUE(lock.ok());
  const Status status = store.Delete(std::vector<int64_t>{1});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kBusy);
  EXPECT_THAT(status.error().message, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_EQ(store.samples().size(), 2u);
}

TEST_F(DatasetStoreFiles, OpenToReadEditsNothing) {
  MakeThings(1);
  auto reader = DatasetStore::OpenToRead(folder_.string());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Delete(std::vector<int64_t>{1}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(reader->samples().size(), 2u);
}

// Files that cannot grow: what a full disk does, without filling one.
TEST_F(DatasetStoreFiles, AFullDiskLeavesTheOldState) {
  MakeThings(8);
  const std::string before = Summary(Reopen());
  const std::set<std::string> pictures = Pictures();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto store = DatasetStore::Open(folder_.string());
    const std::vector<std::byte> bytes = Jpeg(77);
    NewSample sample{.picture = bytes};
    sample.category = "mug";
    // At several sizes: for the picture, for one of the tables.
    for (const rlim_t limit : {rlim_t{0}, rlim_t{bytes.size() / 2}, rlim_t{bytes.size() + 50}}) {
      const rlimit small{.rlim_cur = limit, .rlim_max = RLIM_INFINITY};
      if (setrlimit(RLIMIT_FSIZE, &small) != 0) _exit(1);
      const auto added = store->Add(sample);
      if (added.ok() || added.error().code != ErrorCode::kResources) _exit(2);
      if (store->samples().size() != 16) _exit(3);
      const Status deleted = store->Delete(std::vector<int64_t>{1});
      if (deleted.ok() || deleted.error().code != ErrorCode::kResources) _exit(4);
    }
    const rlimit unlimited{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &unlimited);
    _exit(store->samples().size() == 16 ? 0 : 5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  EXPECT_EQ(Summary(Reopen()), before);
  EXPECT_EQ(Pictures(), pictures);
  EXPECT_TRUE(fs::is_empty(folder_ / ".deixis/incoming"));
  DatasetStore store = Reopen();
  Put(store, "mug");
  EXPECT_EQ(store.samples().size(), 17u);
}

// A process edits without end and is killed in the middle, over and over: whoever comes next finds
// whole actions only, and every file where a table says.
TEST_F(DatasetStoreFiles, AKilledProcessLeavesTheOldStateOrTheNew) {
  MakeThings(2);
  Rng rng(4);
  for (int round = 0; round < 25; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      DatasetStore store = Reopen();
      Rng work(rng.NextBits());
      while (true) {
        const std::vector<std::byte> a = Jpeg(work.NextBits());
        const std::vector<std::byte> b = Jpeg(work.NextBits());
        std::vector<NewSample> pair = {{.picture = a}, {.picture = b}};
        for (NewSample& sample : pair) sample.category = "pair";
        const auto added = store.Add(pair);
        if (!added.ok()) _exit(1);
        const std::vector<int64_t> ids = {*(*added)[0].id, *(*added)[1].id};
        if (!store.Relabel(ids, "twins").ok()) _exit(2);
        if (!store.Delete(ids).ok() || !store.Undo().ok()) _exit(3);
        if (store.samples().size() > 12 && !store.EmptyBin().ok()) _exit(4);
        if (store.samples().size() > 12 && !store.Delete(ids).ok()) _exit(5);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + rng.Below(60)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself: " << WEXITSTATUS(status);
    rng.NextBits();
    // Before anything is mended, a plain reader already finds every picture.
    const auto plain = OpenDataset(folder_.string());
    ASSERT_TRUE(plain.ok()) << plain.error().message;
    DatasetStore store = Reopen();
    EXPECT_EQ(Pictures(), Files(store)) << "round " << round;
    std::map<std::string, int> count;
    for (const StoredSample& sample : store.samples()) {
      ++count[sample.category];
      EXPECT_TRUE(ReadImage(store.PathOf(sample)).ok());
    }
    EXPECT_EQ(count["mug"], 2);
    EXPECT_EQ(count["pair"] % 2, 0);
    EXPECT_EQ(count["twins"] % 2, 0);
    EXPECT_EQ(store.bin().size() % 2, 0u);
    for (const StoredSample& sample : store.bin()) EXPECT_TRUE(fs::exists(store.PathOf(sample)));
  }
}

}  // namespace
}  // namespace deixis
