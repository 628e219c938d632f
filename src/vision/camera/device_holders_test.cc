#include "vision/camera/device_holders.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace deixis::camera {
namespace {

TEST(DeviceHolders, AnotherProcessIsNamed) {
  const std::string path = ::testing::TempDir() + "held-by-somebody";
  std::ofstream(path) << "x";
  EXPECT_TRUE(HoldersOf(path).empty());
  const int own = open(path.c_str(), O_RDONLY);
  EXPECT_TRUE(HoldersOf(path).empty());  // the program itself is no news
  close(own);

  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool opened = open(path.c_str(), O_RDONLY) >= 0;
    (void)!write(ready[1], opened ? "y" : "n", 1);
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto holders = HoldersOf(path);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].process_id, child);
  EXPECT_FALSE(holders[0].program.empty());
  EXPECT_TRUE(HoldersOf(path).empty());
  close(ready[0]);
  close(ready[1]);
  unlink(path.c_str());
}

TEST(DeviceHolders, NobodyHoldsWhatIsNotThere) {
  EXPECT_TRUE(HoldersOf("/no/such/device").empty());
}

TEST(DeviceHolders, AreSaidInWords) {
  EXPECT_EQ(HoldersText({{4711, "cheese"}}), "cheese (process 4711)");
  EXPECT_EQ(HoldersText({{1, "a"}, {2, "b"}, {3, "c"}}),
            "a (process 1), b (process 2) and c (process 3)");
  EXPECT_EQ(HoldersText({}), "this program itself or one of another user");
}

}  // namespace
}  // namespace deixis::camera
