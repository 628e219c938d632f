// Programs that end, hang, complain and never stop: what the voice makes of them is tested beside
// it.
#include "base/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace deixis {
namespace {

using ::testing::HasSubstr;
using Reading = ChildProcess::Reading;

Result<ChildProcess> Shell(const std::string& script, std::string_view input = {}) {
  return ChildProcess::Start({"sh", "-c", script}, input);
}

std::string AsText(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST(RunChild, HandsTheWholeInputOver) {
  const std::string input(300'000, 'x');
  const auto echoed = RunChild({"cat"}, input);
  ASSERT_TRUE(echoed.ok()) << echoed.error().message;
  EXPECT_EQ(echoed->stdout_bytes.size(), input.size());
  // A program that never reads its input is no obstacle.
  const auto ignored = RunChild({"true"}, input);
  ASSERT_TRUE(ignored.ok());
  EXPECT_EQ(ignored->exit_status, 0);
  EXPECT_FALSE(RunChild({}, "").ok());
}

TEST(ChildProcess, IsReadWhileItRuns) {
  auto child = Shell("echo one; read line; echo \"two $line\" >&2; sleep 60", "x\n");
  ASSERT_TRUE(child.ok()) << child.error().message;
  std::vector<std::byte> bytes;
  while (AsText(bytes) != "one\n" || child->stderr_text() != "two x\n") {
    const auto reading = child->Read(bytes, 5000);
    ASSERT_TRUE(reading.ok());
    ASSERT_EQ(*reading, Reading::kSome) << AsText(bytes);
  }
  EXPECT_EQ(*child->Read(bytes, 1), Reading::kNothing);
  EXPECT_FALSE(child->Wait(0).has_value());
  child->Signal(SIGTERM);
  EXPECT_EQ(child->Wait(5000), 128 + SIGTERM);
  EXPECT_EQ(child->Wait(0), 128 + SIGTERM) << "it stays known";
  while (*child->Read(bytes, 5000) != Reading::kEnd) {
  }
  EXPECT_EQ(*child->Read(bytes, 5000), Reading::kEnd);
}

TEST(ChildProcess, EndsWithWhatItLeftInThePipe) {
  auto child = Shell("head -c 300000 /dev/zero; exit 3");
  ASSERT_TRUE(child.ok());
  std::vector<std::byte> bytes;
  while (*child->Read(bytes, 5000) != Reading::kEnd) {
  }
  EXPECT_EQ(bytes.size(), 300'000u);
  EXPECT_EQ(child->Wait(5000), 3);
}

TEST(ChildProcess, KeepsTheBeginningOfItsComplaints) {
  auto child = Shell("yes complaint | head -n 5000 >&2");
  ASSERT_TRUE(child.ok());
  std::vector<std::byte> bytes;
  while (*child->Read(bytes, 5000) != Reading::kEnd) {
  }
  EXPECT_EQ(child->stderr_text().size(), 4096u);
  EXPECT_TRUE(child->stderr_text().starts_with("complaint\n"));
}

// Its grandchild holds the pipe open: the end of the pipe is the end of both.
TEST(ChildProcess, TakesWhatItStartedWithIt) {
  std::vector<std::byte> bytes;
  int64_t grandchild = 0;
  {
    auto child = Shell("sleep 60 & echo $!; wait");
    ASSERT_TRUE(child.ok());
    while (bytes.empty()) ASSERT_TRUE(child->Read(bytes, 5000).ok());
    grandchild = std::stoll(AsText(bytes));
    EXPECT_EQ(::kill(static_cast<pid_t>(grandchild), 0), 0);
  }
  for (int i = 0; i < 500; ++i) {
    // Gone, or a zombie that nobody has collected yet: "1234 (sleep) Z ...".
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string id, name, state;
    if (!(stat >> id >> name >> state) || state == "Z") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "process " << grandchild << " lives on";
}

TEST(FindProgram, OnlyFilesThatMayBeRun) {
  EXPECT_EQ(FindProgram("/bin/sh"), "/bin/sh");
  EXPECT_TRUE(FindProgram("sh"));
  EXPECT_FALSE(FindProgram("no-such-program"));
  EXPECT_FALSE(FindProgram("/no/such/program"));
  EXPECT_FALSE(FindProgram("/tmp"));
  EXPECT_FALSE(FindProgram("/etc/passwd"));
}

TEST(ChildProcess, ThatIsNotThereIsNamed) {
  const auto missing = ChildProcess::Start({"no-such-program"});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("no-such-program"));
}

}  // namespace
}  // namespace deixis
