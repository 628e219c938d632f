#include "cli/said_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace deixis::cli {
namespace {

using ::testing::MatchesRegex;

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(SaidLog, AppendsWholeLinesAndKeepsOneOldFile) {
  const std::string path = ::testing::TempDir() + "deixis-log-" + std::to_string(::getpid());
  const SaidLog log(path, 150);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(log.Append({{"event", "say"}, {"n", i}}).ok());
  // Sixty bytes a line: three pass the limit, then a new file begins.
  EXPECT_EQ(Lines(path).size(), 3u);
  const auto old = Lines(path + ".1");
  ASSERT_EQ(old.size(), 3u);
  EXPECT_THAT(old[0], MatchesRegex("\\{\"time\":\"20..-..-..T..:..:..\\....Z\",\"event\":\"say\","
                                   "\"n\":3\\}"));
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".1");
  EXPECT_EQ(SaidLog("/no/such/folder/log").Append({{"event", "say"}}).error().code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deixis::cli
