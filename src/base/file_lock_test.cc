#include "base/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

namespace deixis {
namespace {

std::string PathFor(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove(path);
  return path;
}

TEST(FileLock, IsHeldOnceAndGivenUp) {
  const std::string path = PathFor("held-once.lock");
  std::optional<FileLock> first;
  {
    auto lock = FileLock::Acquire(path, 0);
    ASSERT_TRUE(lock.ok()) << lock.error().message;
    first.emplace(std::move(*lock));
  }
  const auto second = FileLock::Acquire(path, 20);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find("process " + std::to_string(getpid())), std::string::npos)
      << second.error().message;
  first.reset();
  EXPECT_TRUE(FileLock::Acquire(path, 0).ok());
}

TEST(FileLock, EndsWithItsProcess) {
  const std::string path = PathFor("ends.lock");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Acquire(path, 0);
    [[maybe_unused]] const ssize_t told = write(ready[1], lock.ok() ? "1" : "0", 1);
    pause();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, '1');
  EXPECT_EQ(FileLock::Acquire(path, 0).error().code, ErrorCode::kBusy);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::Acquire(path, 0).ok());
}

TEST(FileLock, SaysWhereItCannotBe) {
  const auto lock = FileLock::Acquire(testing::TempDir() + "/no such folder/lock", 0);
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code, ErrorCode::kResources);
}

}  // namespace
}  // namespace deixis
