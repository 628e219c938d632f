#include "vision/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "vision/csv.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) / (std::string("dataset_") + info->name());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  // Pictures are not opened, so any content will do.
  void Put(const std::string& name, const std::string& content = "x") {
    fs::create_directories((root_ / name).parent_path());
    ASSERT_TRUE(WriteFileAtomically((root_ / name).string(), content).ok());
  }
  void PutFolder(const std::string& name) { fs::create_directories(root_ / name); }

  Result<Dataset> Open() const { return OpenDataset(root_.string()); }
  std::string MessageOfOpening() const {
    const Result<Dataset> dataset = Open();
    return dataset.ok() ? "opened" : dataset.error().message;
  }

  // "label:path under the folder" of each sample.
  std::vector<std::string> SamplesOf(const Dataset& dataset) const {
    std::vector<std::string> samples;
    for (const Sample& sample : dataset.samples) {
      samples.push_back(std::to_string(sample.label) + ":" +
                        fs::relative(sample.path, root_).string());
    }
    return samples;
  }

  fs::path root_;
};

TEST_F(DatasetTest, FoldersSortedByNameGiveTheLabels) {
  Put("dog/2.JPG");
  Put("dog/1.jpeg");
  Put("cat/b.png");
  Put("cat/a.WebP");
  Put("zebra/z.jpe");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_THAT(dataset->class_names, ElementsAre("cat", "dog", "zebra"));
  EXPECT_THAT(SamplesOf(*dataset), ElementsAre("0:cat/a.WebP", "0:cat/b.png", "1:dog/1.jpeg",
                                               "1:dog/2.JPG", "2:zebra/z.jpe"));
  EXPECT_EQ(dataset->num_classes, 3);
  EXPECT_EQ(dataset->num_skipped, 0);
}

TEST_F(DatasetTest, HiddenThingsArePassedOverAndOthersCounted) {
  Put("a/1.png");
  Put("a/.DS_Store");
  Put("a/._1.png");
  Put("a/notes.txt");
  Put("a/Thumbs.db");
  Put(".git/1.png");
  Put("reference/logits.npy");
  Put("README.md");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok());
  EXPECT_THAT(dataset->class_names, ElementsAre("a"));
  EXPECT_THAT(SamplesOf(*dataset), ElementsAre("0:a/1.png"));
  EXPECT_EQ(dataset->num_skipped, 2);
}

TEST_F(DatasetTest, AnEmptyFolderKeepsItsLabel) {
  PutFolder("a");
  Put("b/1.png");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok());
  EXPECT_THAT(dataset->class_names, ElementsAre("a", "b"));
  EXPECT_THAT(SamplesOf(*dataset), ElementsAre("1:b/1.png"));
}

TEST_F(DatasetTest, AnEmptyFolderNamesALabelWithoutRows) {
  PutFolder("a");
  PutFolder("b");
  Put("x.png");
  Put("labels.csv", "file,label,class\nx.png,1,b\n");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_THAT(dataset->class_names, ElementsAre("a", "b"));
  // Other names than those of the folders are left as they are.
  Put("labels.csv", "file,label,class\nx.png,1,c\n");
  EXPECT_THAT(Open()->class_names, ElementsAre("label 0", "c"));
}

TEST_F(DatasetTest, LabelsFileGivesOrderLabelsAndNames) {
  Put("pictures/x.png");
  Put("pictures/y, z.png");
  Put("labels.csv",
      "\xEF\xBB\xBFname,file,ignored,label\r\n"
      "tench,pictures/x.png,1,2\r\n"
      "\"a \"\"quoted\"\" one\",\"pictures/y, z.png\",,0\r\n");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_THAT(SamplesOf(*dataset), ElementsAre("2:pictures/x.png", "0:pictures/y, z.png"));
  EXPECT_THAT(dataset->class_names, ElementsAre("a \"quoted\" one", "label 1", "tench"));
  EXPECT_EQ(dataset->num_classes, 3);
}

TEST_F(DatasetTest, LabelsFileWithoutNamesNamesNothing) {
  Put("x.png");
  Put("labels.csv", "file,label\nx.png,4\n");
  const Result<Dataset> dataset = Open();
  ASSERT_TRUE(dataset.ok());
  EXPECT_THAT(dataset->class_names, IsEmpty());
  EXPECT_EQ(dataset->num_classes, 5);
}

TEST_F(DatasetTest, LabelsFileOfAParentDoesNotMatter) {
  Put("labels.csv", "file,label\nmissing.png,0\n");
  Put("test/cat/1.png");
  const Result<Dataset> dataset = OpenDataset((root_ / "test").string());
  ASSERT_TRUE(dataset.ok());
  EXPECT_THAT(dataset->class_names, ElementsAre("cat"));
}

TEST_F(DatasetTest, LabelsFileThatMakesNoSense) {
  Put("x.png");
  const auto message_of = [&](const std::string& csv) {
    Put("labels.csv", csv);
    return MessageOfOpening();
  };
  EXPECT_THAT(message_of("file,label\nx.png,0\nx.png,-1\n"),
              HasSubstr("line 3: expected a label from 0 to 99999, found \"-1\""));
  EXPECT_THAT(message_of("file,label\nx.png,1.5\n"), HasSubstr("found \"1.5\""));
  EXPECT_THAT(message_of("file,label\nx.png,99999999999999999999\n"), HasSubstr("found \"999"));
  EXPECT_THAT(message_of("file,label\nx.png,cat\n"), HasSubstr("found \"cat\""));
  EXPECT_THAT(message_of("picture,label\nx.png,1\n"), HasSubstr("the columns \"file\" and"));
  EXPECT_THAT(message_of("file,label\n"), HasSubstr("found only the header"));
  EXPECT_THAT(message_of(""), HasSubstr("the columns \"file\" and"));
  EXPECT_THAT(message_of("file,label\nx.png,1,2\n"), HasSubstr("expected 2 fields"));
  EXPECT_THAT(message_of("file,label\n\"x.png,1\n"), HasSubstr("line 2: a quoted field is never"));
  EXPECT_THAT(message_of("file,label\n,1\n"), HasSubstr("found an empty field"));
  EXPECT_THAT(message_of("file,label,class\nx.png,1,a\nx.png,1,b\n"),
              HasSubstr("line 3: label 1 is called \"b\" here and \"a\" above"));
}

TEST_F(DatasetTest, LabelsFileThatNamesAMissingPicture) {
  Put("labels.csv", "file,label\ngone.png,0\n");
  const Result<Dataset> dataset = Open();
  ASSERT_FALSE(dataset.ok());
  EXPECT_EQ(dataset.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(dataset.error().message, AllOf(HasSubstr("line 2"), HasSubstr("gone.png: no such")));
}

TEST_F(DatasetTest, NoPictures) {
  EXPECT_THAT(MessageOfOpening(), HasSubstr("found an empty folder"));
  Put("readme.txt");
  EXPECT_THAT(MessageOfOpening(), HasSubstr("found 0 folders and 1 other files without a picture"));
  Put("train/cat/1.png");
  EXPECT_THAT(MessageOfOpening(), HasSubstr("category folders one level deeper, as in "));
  Put("loose.png");
  EXPECT_THAT(MessageOfOpening(), HasSubstr("found 1 pictures that are in no category"));
}

TEST_F(DatasetTest, NoFolder) {
  EXPECT_EQ(OpenDataset((root_ / "gone").string()).error().code, ErrorCode::kNotFound);
  Put("labels.csv", "file,label\n");
  const Result<Dataset> dataset = OpenDataset((root_ / "labels.csv").string());
  EXPECT_THAT(dataset.error().message, HasSubstr("expected a folder of pictures, found a file"));
}

TEST_F(DatasetTest, ClassNamesFromTextAndCsv) {
  Put("names.txt", "cat\n  Hot dog \r\n\nÄpfel\n");
  EXPECT_THAT(*ReadClassNames((root_ / "names.txt").string()),
              ElementsAre("cat", "Hot dog", "Äpfel"));
  Put("names.csv", "label,wnid,name\n1,n2,\"b, or B\"\n0,n1,a\n");
  EXPECT_THAT(*ReadClassNames((root_ / "names.csv").string()), ElementsAre("a", "b, or B"));
  Put("ordered.csv", "class\nx\ny\n");
  EXPECT_THAT(*ReadClassNames((root_ / "ordered.csv").string()), ElementsAre("x", "y"));
}

TEST_F(DatasetTest, ClassNamesThatMakeNoSense) {
  const auto message_of = [&](const std::string& file, const std::string& content) {
    Put(file, content);
    const auto names = ReadClassNames((root_ / file).string());
    return names.ok() ? "read" : names.error().message;
  };
  EXPECT_THAT(message_of("a.txt", "\n \n"), HasSubstr("found none"));
  EXPECT_THAT(message_of("a.csv", "label,name\n0,a\n0,b\n"), HasSubstr("line 3: expected every"));
  EXPECT_THAT(message_of("a.csv", "label,name\n0,a\n2,b\n"), HasSubstr("found \"2\""));
  EXPECT_THAT(message_of("a.csv", "label,wnid\n0,a\n"), HasSubstr("column \"name\" or \"class\""));
  EXPECT_THAT(message_of("a.csv", "label,name\n"), HasSubstr("no row"));
  EXPECT_EQ(ReadClassNames((root_ / "gone").string()).error().code, ErrorCode::kNotFound);
}

TEST(ParseCsv, QuotedFieldsMayHoldLineBreaks) {
  const Result<CsvTable> table = ParseCsv("a,b\n\"1\n2\",\"\"\n3,\n");
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_THAT(table->rows[0].fields, ElementsAre("1\n2", ""));
  EXPECT_EQ(table->rows[0].line, 2);
  EXPECT_THAT(table->rows[1].fields, ElementsAre("3", ""));
  EXPECT_EQ(table->rows[1].line, 4);
  EXPECT_FALSE(ParseCsv("a\n\"b\"c\n").ok());
}

TEST(CsvField, IsReadBackAsItWas) {
  EXPECT_EQ(CsvField("plain text"), "plain text");
  EXPECT_EQ(CsvField("a \"red\" pen"), "\"a \"\"red\"\" pen\"");
  for (const char* text : {"two, three", "\"", "a\nb", "a\r\nb", " spaced ", "é"}) {
    const Result<CsvTable> table = ParseCsv("a,b\n" + CsvField(text) + ",1\n");
    ASSERT_TRUE(table.ok()) << text;
    ASSERT_EQ(table->rows.size(), 1u) << text;
    EXPECT_THAT(table->rows[0].fields, ElementsAre(text, "1"));
  }
}

TEST(OpenDataset, RealFolders) {
  const char* data = std::getenv("DEIXIS_DATA");
  if (data == nullptr) GTEST_SKIP() << "DEIXIS_DATA is not set: no real pictures";
  const std::string root = data;
  const Result<Dataset> cifar = OpenDataset(root + "/cifar10/test");
  ASSERT_TRUE(cifar.ok()) << cifar.error().message;
  EXPECT_EQ(cifar->samples.size(), 2000u);
  EXPECT_THAT(cifar->class_names, ElementsAre("airplane", "automobile", "bird", "cat", "deer",
                                              "dog", "frog", "horse", "ship", "truck"));
  const Result<Dataset> imagenet = OpenDataset(root + "/imagenet_sample");
  ASSERT_TRUE(imagenet.ok()) << imagenet.error().message;
  EXPECT_EQ(imagenet->samples.size(), 300u);
  EXPECT_EQ(imagenet->class_names.at(1), "goldfish");
  EXPECT_LE(imagenet->num_classes, 1000);
  EXPECT_THAT(OpenDataset(root + "/cifar10").error().message, HasSubstr("one level deeper"));
}

}  // namespace
}  // namespace deixis
