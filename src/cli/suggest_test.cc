#include "cli/suggest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deixis::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(EditDistanceTest, CountsEachKindOfMistake) {
  EXPECT_EQ(EditDistance("", ""), 0);
  EXPECT_EQ(EditDistance("info", "info"), 0);
  EXPECT_EQ(EditDistance("", "info"), 4);
  EXPECT_EQ(EditDistance("ino", "info"), 1);
  EXPECT_EQ(EditDistance("infoo", "info"), 1);
  EXPECT_EQ(EditDistance("onfo", "info"), 1);
  EXPECT_EQ(EditDistance("ifno", "info"), 1);  // neighbours swapped
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("ca", "abc"), 3);  // optimal string alignment, not full Damerau: 2
}

TEST(NearestTest, TakesTheNearestAndOnlyTheNear) {
  constexpr std::string_view kWords[] = {"info", "convert", "compress", "completion"};
  EXPECT_THAT(Nearest("ifno", kWords), ElementsAre("info"));
  EXPECT_THAT(Nearest("comprss", kWords), ElementsAre("compress"));
  EXPECT_THAT(Nearest("com", kWords), ElementsAre("compress", "completion"));
  EXPECT_THAT(Nearest("xyzzy", kWords), IsEmpty());
  EXPECT_THAT(Nearest("", kWords), IsEmpty());
}

TEST(NearestTest, NamesACandidateOnce) {
  constexpr std::string_view kWords[] = {"json", "json"};
  EXPECT_THAT(Nearest("jsno", kWords), ElementsAre("json"));
}

TEST(DidYouMeanTest, ReadsAsASentence) {
  constexpr std::string_view kWords[] = {"row", "group", "tensor"};
  EXPECT_EQ(DidYouMean("rwo", kWords, "--", "", "no"), "did you mean --row?");
  EXPECT_EQ(DidYouMean("zzzz", kWords, "--", "", "no"), "no");
}

}  // namespace
}  // namespace deixis::cli
