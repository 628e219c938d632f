#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

namespace deixis {
namespace {

using ::testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "deixis_file_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  size_t NumFiles() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
    return count;
  }
  std::string Content(const std::string& name) const {
    const auto text = ReadTextFile(Path(name));
    return text.ok() ? *text : "<" + text.error().message + ">";
  }

  std::string folder_;
};

// Runs `body` in a child process, which ends with what it returns; gives the child's wait status.
template <typename Body>
int InChild(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_F(FileTest, WritesAndReads) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("one")).ok());
  EXPECT_EQ(Content("a"), "one");
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("second")).ok());
  EXPECT_EQ(Content("a"), "second");
  ASSERT_TRUE(WriteFileAtomically(Path("empty"), std::string_view()).ok());
  EXPECT_EQ(Content("empty"), "");
  EXPECT_EQ(NumFiles(), 2u);  // no temporary files
}

TEST_F(FileTest, NothingIsThereBeforeCommit) {
  auto file = AtomicFile::Create(Path("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("half").ok());
  EXPECT_FALSE(std::filesystem::exists(Path("a")));
  ASSERT_TRUE(file->Write(" and half").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Content("a"), "half and half");
}

TEST_F(FileTest, WithoutCommitTheOldFileStays) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("old")).ok());
  {
    auto file = AtomicFile::Create(Path("a"));
    ASSERT_TRUE(file.ok());
    const AtomicFile moved = std::move(*file);  // only one of the two cleans up
  }
  EXPECT_EQ(Content("a"), "old");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(FileTest, KilledBeforeCommitLeavesTheOldFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("old")).ok());
  const int status = InChild([&] {
    auto file = AtomicFile::Create(Path("a"));
    if (!file.ok() || !file->Write("new").ok()) return 1;
    ::raise(SIGKILL);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Content("a"), "old");
  // What the killed process left does not keep the next writer from its work.
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("new")).ok());
  EXPECT_EQ(Content("a"), "new");
}

TEST_F(FileTest, MissingFolder) {
  const Status status = WriteFileAtomically(Path("missing/a"), std::string_view("x"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(status.error().message, HasSubstr("missing/a: cannot write: No such file"));
  EXPECT_THAT(status.error().remedy, HasSubstr("create the folder"));
  EXPECT_FALSE(std::filesystem::exists(Path("missing")));
}

TEST_F(FileTest, AFolderIsNoFile) {
  const Status status = WriteFileAtomically(folder_, std::string_view("x"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUsage);
  const auto read = MappedFile::Open(folder_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(read.error().message, HasSubstr("expected a file, found a folder"));
}

// A write that the file size limit cuts short, as a full disk would.
TEST_F(FileTest, NoRoomLeavesTheOldFileAndNoRest) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("old")).ok());
  const int status = InChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {10000, 10000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const Status written = WriteFileAtomically(Path("a"), std::string(100000, 'x'));
    if (written.ok()) return 3;
    return written.error().code == ErrorCode::kResources && !written.error().remedy.empty() ? 0 : 4;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(Content("a"), "old");
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(FileTest, AMissingFileIsNotFound) {
  const auto file = MappedFile::Open(Path("none"));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(file.error().message, HasSubstr("none: no such file"));
}

TEST_F(FileTest, AMappingOutlivesTheFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("kept")).ok());
  const auto file = MappedFile::Open(Path("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("other")).ok());
  std::filesystem::remove(Path("a"));
  const auto bytes = (*file)->bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "kept");
}

TEST_F(FileTest, TextBeyondItsLimitIsRefused) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), std::string_view("12345")).ok());
  EXPECT_TRUE(ReadTextFile(Path("a"), 5).ok());
  const auto text = ReadTextFile(Path("a"), 4);
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.error().message, HasSubstr("expected at most 4 bytes, found 5"));
}

}  // namespace
}  // namespace deixis
