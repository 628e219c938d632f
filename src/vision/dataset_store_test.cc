// Editing a dataset: what other readers see of it, undo and redo.
#include "vision/dataset_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "vision/codecs.h"
#include "vision/testing/dataset_store_fixture.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::Files;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Jpeg;
using testing::Summary;

using DatasetStoreTest = testing::DatasetStoreTest;

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
    EXPECT_THAT((*undone)->ids, ::testing::Not(::testing::Contains(1)));
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

}  // namespace
}  // namespace deixis
