#include "cli/trigger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/input.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace deixis::cli {
namespace {

class TriggerFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::string path_ = ::testing::TempDir() + "deixis-trigger-" + std::to_string(::getpid());
};

TEST_F(TriggerFile, APinIsPressedWhenItsValueRises) {
  const auto write = [&](const std::string& value) { std::ofstream(path_) << value << "\n"; };
  write("1");
  auto trigger = Trigger::Open(path_);
  ASSERT_TRUE(trigger.ok()) << trigger.error().message;
  EXPECT_FALSE(trigger->WasPressed(0)) << "it was so before";
  EXPECT_FALSE(trigger->WasPressed(10));
  write("0");
  EXPECT_FALSE(trigger->WasPressed(20));
  write("1");
  EXPECT_TRUE(trigger->WasPressed(30));
  EXPECT_FALSE(trigger->WasPressed(40));
}

TEST_F(TriggerFile, APipeIsPressedByWhateverIsWritten) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  auto trigger = Trigger::Open(path_);
  ASSERT_TRUE(trigger.ok()) << trigger.error().message;
  EXPECT_FALSE(trigger->WasPressed(0));
  for (int i = 0; i < 3; ++i) {
    std::ofstream(path_) << "x";
    EXPECT_TRUE(trigger->WasPressed(i));
    EXPECT_FALSE(trigger->WasPressed(i));
  }
}

TEST_F(TriggerFile, ThatIsNotThereIsSaidSo) {
  const auto missing = Trigger::Open(path_);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(CountKeyPresses, CountsNeitherReleasesNorRepeatsNorOtherEvents) {
  std::vector<input_event> events;
  const auto add = [&](int type, int value) {
    input_event event{};
    event.type = static_cast<unsigned short>(type);
    event.code = KEY_ENTER;
    event.value = value;
    events.push_back(event);
  };
  add(EV_KEY, 1);
  add(EV_SYN, 0);
  add(EV_KEY, 2);
  add(EV_KEY, 0);
  add(EV_REL, 1);
  EXPECT_EQ(CountKeyPresses(std::as_bytes(std::span(events))), 1);
  add(EV_KEY, 1);
  const auto bytes = std::as_bytes(std::span(events));
  EXPECT_EQ(CountKeyPresses(bytes), 2);
  EXPECT_EQ(CountKeyPresses(bytes.first(bytes.size() - 1)), 1) << "half a record is none";
}

}  // namespace
}  // namespace deixis::cli
