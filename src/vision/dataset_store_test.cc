// Editing a dataset: what other readers see of it, undo and redo, and that killed processes leave
// the old state or the new.
#include "vision/dataset_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "base/file_lock.h"
#include "base/rng.h"
#include "vision/codecs.h"
#include "vision/write_jpeg.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A small picture of blocks that a seed decides.
std::vector<std::byte> Jpeg(uint64_t seed, int64_t height_px = 24, int64_t width_px = 32) {
  Rng rng(seed);
  Image image{.height_px = height_px, .width_px = width_px, .pixels = {}};
  uint8_t blocks[64];
  for (uint8_t& block : blocks) block = static_cast<uint8_t>(rng.Below(256));
  for (int64_t y = 0; y < height_px; ++y) {
    for (int64_t x = 0; x < width_px; ++x) {
      const uint8_t value = blocks[8 * (y * 8 / height_px) + x * 8 / width_px];
      image.pixels.insert(image.pixels.end(), {value, value, value});
    }
  }
  return *internal::EncodeJpeg(image, 90);
}

class DatasetStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("deixis_store_") + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  DatasetStore Make(DatasetKind kind) {
    auto store = DatasetStore::Create(folder_.string(), kind);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return *std::move(store);
  }
  // Objects, with `per_category` pictures of mugs and of keys: 1.. and per_category + 1..
  DatasetStore MakeThings(int per_category) {
    DatasetStore store = Make(DatasetKind::kObjects);
    for (const char* category : {"mug", "keys"}) {
      for (int i = 0; i < per_category; ++i) Put(store, category);
    }
    return store;
  }
  int64_t Put(DatasetStore& store, const std::string& category, const std::string& burst = {}) {
    const std::vector<std::byte> bytes = Jpeg(++seed_);
    NewSample sample{.picture = bytes};
    sample.category = category;
    const auto added = store.Add(sample, {.burst = burst});
    EXPECT_TRUE(added.ok()) << added.error().message;
    return added->id.value_or(0);
  }
  DatasetStore Reopen() {
    auto store = DatasetStore::Open(folder_.string());
    EXPECT_TRUE(store.ok()) << store.error().message;
    return *std::move(store);
  }
  std::string Text(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Files outside of the hidden folder, the tables aside.
  std::set<std::string> Pictures() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().lexically_relative(folder_).string();
      if (entry.is_regular_file() && !name.starts_with('.') && entry.path().extension() != ".csv") {
        names.insert(name);
      }
    }
    return names;
  }

  fs::path folder_;
  uint64_t seed_ = 0;
};

std::set<std::string> Files(const DatasetStore& store) {
  std::set<std::string> files;
  for (const StoredSample& sample : store.samples()) files.insert(sample.file);
  return files;
}

// Everything of the samples that somebody could miss.
std::string Summary(const DatasetStore& store) {
  std::string text;
  for (const StoredSample& sample : store.samples()) {
    text += std::to_string(sample.id) + " " + sample.file + " " + sample.category + " " +
            sample.session + (sample.held_out.value_or(false) ? " held out" : "");
    for (const auto& [category, mark] : sample.marks) {
      text += " " + category +
              (mark ? "=" + std::to_string(mark->x) + ";" + std::to_string(mark->y)
                    : std::string("=absent"));
    }
    text += "\n";
  }
  for (const std::string& category : store.categories()) text += category + ",";
  return text;
}

// ---- objects ------------------------------------------------------------------------------------

TEST_F(DatasetStoreTest, BeginsWithNothing) {
  const DatasetStore store = Make(DatasetKind::kObjects);
  EXPECT_THAT(store.categories(), ElementsAre("nothing"));
  EXPECT_TRUE(fs::is_directory(folder_ / "nothing"));
  EXPECT_THAT(Reopen().samples(), IsEmpty());
  const auto again = DatasetStore::Create(folder_.string(), DatasetKind::kObjects);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kUsage);
}

TEST_F(DatasetStoreTest, IsReadAsAnyDataset) {
  DatasetStore store = MakeThings(3);
  const auto dataset = OpenDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  // "nothing" has no picture yet, and is a category all the same.
  EXPECT_THAT(dataset->class_names, ElementsAre("keys", "mug", "nothing"));
  EXPECT_EQ(dataset->num_classes, 3);
  ASSERT_EQ(dataset->samples.size(), 6u);
  EXPECT_EQ(dataset->samples[0].label, 1);
  EXPECT_TRUE(dataset->samples[0].held_out.has_value());
  EXPECT_TRUE(ReadImage(dataset->samples[0].path).ok());
  // And as folders, without the table.
  fs::remove(folder_ / "labels.csv");
  const auto folders = OpenDataset(folder_.string());
  ASSERT_TRUE(folders.ok());
  EXPECT_EQ(folders->class_names, dataset->class_names);
  EXPECT_EQ(folders->samples.size(), 6u);
  EXPECT_EQ(Reopen().samples().size(), 6u);
}

TEST_F(DatasetStoreTest, KeepsBytesAsTheyAre) {
  DatasetStore store = Make(DatasetKind::kObjects);
  const std::vector<std::byte> bytes = Jpeg(1);
  NewSample sample{.picture = bytes};
  sample.category = "mug";
  sample.session = "kitchen, morning";
  const auto added = store.Add(sample);
  ASSERT_TRUE(added.ok() && added->id);
  const StoredSample& stored = *store.Find(*added->id);
  EXPECT_EQ(stored.file, "mug/000001.jpg");
  EXPECT_EQ(stored.session, "kitchen, morning");
  EXPECT_EQ(stored.width_px, 32);
  EXPECT_EQ(stored.height_px, 24);
  EXPECT_EQ(stored.created.size(), 20u);
  const std::string kept = Text(stored.file);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(kept)), bytes));
  // What is read again is what was in memory.
  EXPECT_EQ(Summary(Reopen()), Summary(store));
  EXPECT_EQ(Reopen().Find(*added->id)->hash, stored.hash);
}

TEST_F(DatasetStoreTest, FindsDuplicates) {
  DatasetStore store = Make(DatasetKind::kObjects);
  const std::vector<std::byte> first = Jpeg(1);
  const std::vector<std::byte> second = Jpeg(2);
  std::vector<NewSample> samples;
  for (const auto& bytes : {std::span(first), std::span(second), std::span(first)}) {
    samples.push_back({.picture = bytes});
    samples.back().category = "mug";
  }
  const auto added = store.Add(samples);
  ASSERT_TRUE(added.ok());
  EXPECT_EQ((*added)[2].duplicate_of, (*added)[0].id);
  EXPECT_FALSE((*added)[2].id.has_value());
  samples.resize(1);
  samples[0].category = "keys";
  EXPECT_EQ(Reopen().Add(samples)->front().duplicate_of, (*added)[0].id);
  EXPECT_EQ(Pictures().size(), 2u);
}

TEST_F(DatasetStoreTest, RefusesWhatIsNoPicture) {
  DatasetStore store = Make(DatasetKind::kObjects);
  const std::string text = "<html>";
  const std::vector<std::byte> whole = Jpeg(1);
  std::vector<NewSample> samples(3);
  samples[0].picture = std::as_bytes(std::span(text));
  samples[0].name = "page.jpg";
  samples[1].picture = whole;
  samples[2].picture = std::span(whole).first(whole.size() / 2);
  for (NewSample& sample : samples) sample.category = "mug";
  const auto added = store.Add(samples);
  ASSERT_TRUE(added.ok());
  ASSERT_TRUE((*added)[0].refused.has_value());
  EXPECT_THAT((*added)[0].refused->message, HasSubstr("page.jpg: expected a JPEG"));
  EXPECT_TRUE((*added)[1].id.has_value());
  EXPECT_TRUE((*added)[2].refused.has_value());
  EXPECT_EQ(Pictures().size(), 1u);
  for (const char* name : {"", ".hidden", "..", "a/b", "a\nb"}) {
    samples[1].category = name;
    const auto refused = store.Add(samples);
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  }
}

TEST_F(DatasetStoreTest, RelabelsWithTheFile) {
  DatasetStore store = MakeThings(2);
  const std::vector<int64_t> ids = {1, 3};
  ASSERT_TRUE(store.Relabel(ids, "cup").ok());
  EXPECT_EQ(store.Find(1)->file, "cup/000001.jpg");
  EXPECT_EQ(store.Find(3)->category, "cup");
  EXPECT_EQ(Pictures(), Files(store));
  const auto missing = store.Relabel(std::vector<int64_t>{2, 99}, "cup");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("99"));
  EXPECT_EQ(store.Find(2)->category, "mug");
  EXPECT_EQ(Summary(Reopen()), Summary(store));
}

TEST_F(DatasetStoreTest, DeletesIntoABin) {
  DatasetStore store = MakeThings(2);
  ASSERT_TRUE(store.Delete(std::vector<int64_t>{1, 4}).ok());
  EXPECT_EQ(store.samples().size(), 2u);
  ASSERT_EQ(store.bin().size(), 2u);
  EXPECT_TRUE(fs::exists(store.PathOf(store.bin()[0])));
  EXPECT_EQ(Pictures(), Files(store));
  ASSERT_TRUE(store.Restore(std::vector<int64_t>{4}).ok());
  EXPECT_EQ(store.Find(4)->category, "keys");
  EXPECT_EQ(*store.EmptyBin(), 1);
  EXPECT_THAT(store.bin(), IsEmpty());
  EXPECT_FALSE(fs::exists(folder_ / ".deixis/bin/1.jpg"));
  // What is gone cannot come back; the rest of the history still can.
  while (true) {
    const auto undone = store.Undo();
    ASSERT_TRUE(undone.ok()) << undone.error().message;
    if (!*undone) break;
    EXPECT_THAT((*undone)->ids, testing::Not(testing::Contains(1)));
  }
  EXPECT_THAT(store.samples(), IsEmpty());
  EXPECT_THAT(Pictures(), IsEmpty());
}

TEST_F(DatasetStoreTest, RestoresBesideWhatTookItsName) {
  DatasetStore store = MakeThings(1);
  ASSERT_TRUE(store.Delete(std::vector<int64_t>{1}).ok());
  std::ofstream(folder_ / "mug/000001.jpg") << "somebody else's";
  ASSERT_TRUE(store.Restore(std::vector<int64_t>{1}).ok());
  EXPECT_EQ(store.Find(1)->file, "mug/000001-2.jpg");
  EXPECT_EQ(Text("mug/000001.jpg"), "somebody else's");
}

TEST_F(DatasetStoreTest, UndoesAndRedoesEveryAction) {
  DatasetStore store = Make(DatasetKind::kObjects);
  std::vector<std::string> states = {Summary(store)};
  std::vector<std::string> whats;
  const auto did = [&](const std::string& what, const Status& status) {
    ASSERT_TRUE(status.ok()) << what << ": " << status.error().message;
    whats.push_back(what);
    states.push_back(Summary(store));
    EXPECT_EQ(Pictures(), Files(store)) << what;
  };
  Put(store, "mug");
  did("add", Ok());
  Put(store, "keys");
  did("add", Ok());
  Put(store, "mug");
  did("add", Ok());
  did("relabel", store.Relabel(std::vector<int64_t>{1, 2}, "cup"));
  did("delete", store.Delete(std::vector<int64_t>{1}));
  did("restore", store.Restore(std::vector<int64_t>{1}));
  did("session", store.SetSession(std::vector<int64_t>{2, 3}, "attic"));
  did("add category", store.AddCategory("pen"));
  did("rename category", store.RenameCategory("cup", "beaker"));
  did("remove category", store.RemoveCategory("beaker"));
  for (int round = 0; round < 2; ++round) {
    for (size_t i = whats.size(); i-- > 0;) {
      ASSERT_EQ(store.NextUndo()->what, whats[i]);
      const auto undone = store.Undo();
      ASSERT_TRUE(undone.ok()) << undone.error().message;
      EXPECT_EQ((*undone)->what, whats[i]);
      EXPECT_EQ(Summary(store), states[i]) << "undo of " << whats[i];
      EXPECT_EQ(Pictures(), Files(store));
      if (i % 3 == 0) store = Reopen();
    }
    EXPECT_FALSE(store.NextUndo().has_value());
    EXPECT_FALSE((*store.Undo()).has_value());
    for (size_t i = 0; i < whats.size(); ++i) {
      const auto redone = store.Redo();
      ASSERT_TRUE(redone.ok()) << redone.error().message;
      EXPECT_EQ((*redone)->what, whats[i]);
      EXPECT_EQ(Summary(store), states[i + 1]) << "redo of " << whats[i];
      if (i % 4 == 0) store = Reopen();
    }
    EXPECT_FALSE((*store.Redo()).has_value());
  }
}

TEST_F(DatasetStoreTest, ABurstIsOneAction) {
  DatasetStore store = Make(DatasetKind::kObjects);
  Put(store, "mug");
  for (int i = 0; i < 5; ++i) Put(store, "mug", "space bar 1");
  for (int i = 0; i < 3; ++i) Put(store, "mug", "space bar 2");
  EXPECT_EQ(store.NextUndo()->ids.size(), 3u);
  EXPECT_EQ(store.NextUndo()->category, "mug");
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_EQ(store.samples().size(), 6u);
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_EQ(store.samples().size(), 1u);
  ASSERT_TRUE(store.Redo().ok());
  EXPECT_EQ(store.samples().size(), 6u);
}

TEST_F(DatasetStoreTest, ANewActionForgetsWhatWasUndone) {
  DatasetStore store = MakeThings(2);
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_TRUE(fs::exists(folder_ / ".deixis/undone/4.jpg"));
  const int64_t id = Put(store, "keys");
  EXPECT_EQ(id, 5);  // 4 is never given again
  EXPECT_FALSE(store.NextRedo().has_value());
  EXPECT_FALSE(fs::exists(folder_ / ".deixis/undone/4.jpg"));
}

TEST_F(DatasetStoreTest, HoldsPicturesOutAsTheyCome) {
  DatasetStore store = Make(DatasetKind::kObjects);
  std::vector<std::vector<std::byte>> bytes;
  std::vector<NewSample> samples;
  for (int i = 0; i < 120; ++i) bytes.push_back(Jpeg(static_cast<uint64_t>(i) + 1000));
  for (int i = 0; i < 120; ++i) {
    samples.push_back({.picture = bytes[static_cast<size_t>(i)]});
    samples.back().category = i % 2 == 0 ? "mug" : "keys";
    samples.back().session = std::to_string(i / 6);
  }
  ASSERT_TRUE(store.Add(samples).ok());
  std::map<std::string, bool> of_session;
  int held_out = 0;
  for (const StoredSample& sample : store.samples()) {
    ASSERT_TRUE(sample.held_out.has_value());
    held_out += *sample.held_out ? 1 : 0;
    EXPECT_EQ(of_session.try_emplace(sample.session, *sample.held_out).first->second,
              *sample.held_out);
  }
  EXPECT_GT(held_out, 0);
  EXPECT_LE(held_out, 60);
  const std::string before = Summary(store);
  Put(store, "mug");
  EXPECT_EQ(Summary(store).substr(0, 500), before.substr(0, 500));
  ASSERT_TRUE(store.Resplit({.share = 0.4}).ok());
  EXPECT_EQ(store.NextUndo()->what, "split");
  int more = 0;
  for (const CategoryCount& count : store.CountByCategory()) {
    more += static_cast<int>(count.held_out);
  }
  EXPECT_GT(more, held_out);
}

TEST_F(DatasetStoreTest, ACategoryNeverLosesAllItsTrainingPictures) {
  DatasetStore store = MakeThings(12);
  const auto ids_of = [&](const std::string& category, bool held_out) {
    std::vector<int64_t> ids;
    for (const StoredSample& sample : store.samples()) {
      if (sample.category == category && sample.held_out == held_out) ids.push_back(sample.id);
    }
    return ids;
  };
  const std::string before = Summary(store);
  ASSERT_GE(ids_of("mug", true).size(), 1u);
  const std::vector<int64_t> training = ids_of("mug", false);
  ASSERT_TRUE(store.Delete(training).ok());
  EXPECT_GE(ids_of("mug", false).size(), 1u);
  EXPECT_EQ(store.NextUndo()->ids, training);
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_EQ(Summary(store), before);

  // Moved to a category that has none of its own.
  ASSERT_TRUE(store.Relabel(ids_of("keys", true), "spoon").ok());
  EXPECT_GE(ids_of("spoon", false).size(), 1u);
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_EQ(Summary(store), before);
  ASSERT_TRUE(store.Redo().ok());
  EXPECT_GE(ids_of("spoon", false).size(), 1u);
}

TEST_F(DatasetStoreTest, TurnsPicturesUpright) {
  DatasetStore store = Make(DatasetKind::kObjects);
  std::vector<std::byte> bytes = Jpeg(5, 24, 32);
  // An EXIF block that says "rotate by 90 degrees" (orientation 6), right after the start marker.
  const unsigned char exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,    'M', 'M',
                                0,    42,   0, 0,  0,   8,   0,   1,   1, 0x12, 0,   3,
                                0,    0,    0, 1,  0,   6,   0,   0,   0, 0,    0,   0};
  const auto block = std::as_bytes(std::span(exif));
  bytes.insert(bytes.begin() + 2, block.begin(), block.end());
  ASSERT_EQ(DecodeImage(bytes, "turned")->height_px, 32);
  NewSample sample{.picture = bytes};
  sample.category = "mug";
  const auto added = store.Add(sample);
  ASSERT_TRUE(added.ok() && added->id);
  EXPECT_EQ(store.Find(*added->id)->height_px, 32);
  const auto kept = MappedFile::Open(store.PathOf(*store.Find(*added->id)));
  EXPECT_EQ(internal::Decode((*kept)->bytes())->orientation, 1);
  EXPECT_EQ(store.Add(sample)->duplicate_of, added->id);
}

// ---- pointing -----------------------------------------------------------------------------------

TEST_F(DatasetStoreTest, MarksPictures) {
  DatasetStore store =
      *DatasetStore::Create(folder_.string(), DatasetKind::kPointing, {"fingertip", "knuckle"});
  const std::vector<std::byte> first = Jpeg(1);
  const std::vector<std::byte> second = Jpeg(2);
  const std::vector<std::byte> third = Jpeg(3);
  std::vector<NewSample> samples = {{.picture = first}, {.picture = second}, {.picture = third}};
  samples[0].marks = {{"fingertip", Point{3.25, 4}}, {"knuckle", Point{10, 20.5}}};
  samples[1].marks = {{"fingertip", std::nullopt}, {"knuckle", std::nullopt}};
  ASSERT_TRUE(store.Add(samples).ok());
  const auto dataset = OpenPointDataset(folder_.string());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_THAT(dataset->class_names, ElementsAre("fingertip", "knuckle"));
  EXPECT_EQ(dataset->num_unmarked, 1);
  ASSERT_EQ(dataset->samples.size(), 4u);
  EXPECT_EQ(dataset->samples[0].point_px->x, 3.25);
  EXPECT_EQ(dataset->samples[1].point_px->y, 20.5);
  EXPECT_FALSE(dataset->samples[2].point_px.has_value());

  ASSERT_TRUE(store.SetMarks(3, {{"fingertip", Point{31.5, -0.5}}}).ok());
  EXPECT_EQ(Reopen().Find(3)->marks.at("fingertip")->x, 31.5);
  const Status outside = store.SetMarks(3, {{"fingertip", Point{32, 0}}});
  EXPECT_EQ(outside.error().code, ErrorCode::kUsage);
  EXPECT_THAT(outside.error().message, HasSubstr("fingertip mark at 32, 0"));
  ASSERT_TRUE(store.Undo().ok());
  EXPECT_THAT(store.Find(3)->marks, IsEmpty());
  ASSERT_TRUE(store.RenameCategory("knuckle", "joint").ok());
  EXPECT_EQ(store.Find(1)->marks.count("joint"), 1u);
  const auto counts = store.CountByCategory();
  EXPECT_EQ(counts[0].pictures, 2);
  EXPECT_EQ(counts[0].absent, 1);
  EXPECT_EQ(store.Relabel(std::vector<int64_t>{1}, "x").error().code, ErrorCode::kUsage);
  samples[0].marks = {{"fingertip", Point{99, 0}}};
  samples[0].picture = third;
  EXPECT_TRUE(store.Add(samples[0])->refused.has_value());
}

// ---- folders that others made -------------------------------------------------------------------

TEST_F(DatasetStoreTest, TakesFoldersAsTheyAre) {
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

TEST_F(DatasetStoreTest, KeepsColumnsThatAreNotItsOwn) {
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

TEST_F(DatasetStoreTest, TakesMarksFromNames) {
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

TEST_F(DatasetStoreTest, SeesWhatAnotherDid) {
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

TEST_F(DatasetStoreTest, SaysWhoIsEditing) {
  DatasetStore store = MakeThings(1);
  const auto lock = FileLock::Acquire((folder_ / ".deixis/lock").string(), 0);
  ASSERT_TRUE(lock.ok());
  const Status status = store.Delete(std::vector<int64_t>{1});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kBusy);
  EXPECT_THAT(status.error().message, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_EQ(store.samples().size(), 2u);
}

TEST_F(DatasetStoreTest, OpenToReadEditsNothing) {
  MakeThings(1);
  auto reader = DatasetStore::OpenToRead(folder_.string());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Delete(std::vector<int64_t>{1}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(reader->samples().size(), 2u);
}

// Files that cannot grow: what a full disk does, without filling one.
TEST_F(DatasetStoreTest, AFullDiskLeavesTheOldState) {
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
TEST_F(DatasetStoreTest, AKilledProcessLeavesTheOldStateOrTheNew) {
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
