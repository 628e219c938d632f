#include "cli/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace deixis::cli {
namespace {

TEST(FormatTest, BytesHaveThreeDigitsAndTheRightUnit) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.00 kB");
  EXPECT_EQ(FormatBytes(9994), "9.99 kB");
  EXPECT_EQ(FormatBytes(9996), "10.0 kB");
  EXPECT_EQ(FormatBytes(99960), "100 kB");
  EXPECT_EQ(FormatBytes(999499), "999 kB");
  EXPECT_EQ(FormatBytes(999500), "1.00 MB");
  EXPECT_EQ(FormatBytes(46'827'520), "46.8 MB");
  EXPECT_EQ(FormatBytes(5'000'000'000'000), "5.00 TB");
}

TEST(FormatTest, IntegersAreGroupedByThousands) {
  EXPECT_EQ(FormatInteger(0), "0");
  EXPECT_EQ(FormatInteger(999), "999");
  EXPECT_EQ(FormatInteger(1000), "1,000");
  EXPECT_EQ(FormatInteger(1234567), "1,234,567");
  EXPECT_EQ(FormatInteger(-1234), "-1,234");
  EXPECT_EQ(FormatInteger(-123), "-123");
}

TEST(FormatTest, FixedNeverSaysMinusZeroOrNan) {
  EXPECT_EQ(FormatFixed(-0.001, 2), "0.00");
  EXPECT_EQ(FormatFixed(-0.01, 2), "-0.01");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::quiet_NaN(), 2), "-");
  EXPECT_EQ(FormatPercent(0.92), "92.00 %");
}

TEST(FormatTest, DurationsRoundUp) {
  EXPECT_EQ(FormatDuration(0.2), "1 s");
  EXPECT_EQ(FormatDuration(59.5), "1 min 00 s");
  EXPECT_EQ(FormatDuration(65), "1 min 05 s");
  EXPECT_EQ(FormatDuration(7380), "2 h 03 min");
}

TEST(FormatTest, CountedKnowsOneFromMany) {
  EXPECT_EQ(Counted(1, "tensor"), "1 tensor");
  EXPECT_EQ(Counted(0, "tensor"), "0 tensors");
  EXPECT_EQ(Counted(1840, "picture"), "1,840 pictures");
}

TEST(DisplayWidthTest, CountsNeitherEscapesNorContinuationBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Tür"), 3);
  EXPECT_EQ(DisplayWidth("\x1b[1mbold\x1b[0m"), 4);
}

TEST(WrapTest, BreaksAtWordsAndKeepsVerbatimLines) {
  EXPECT_EQ(Wrap("aa bb cc", 5, 0), "aa bb\ncc\n");
  EXPECT_EQ(Wrap("aa bb cc", 7, 2), "  aa bb\n  cc\n");
  EXPECT_EQ(Wrap("a\n\n  kept as it is\nb", 6, 0), "a\n\n  kept as it is\nb\n");
  EXPECT_EQ(Wrap("longerthanwide x", 5, 0), "longerthanwide\nx\n");
}

TEST(TableTest, AlignsColumnsByWhatIsSeen) {
  Table table({{"name", Align::kLeft}, {"size", Align::kRight}});
  table.AddRow({"Tür", "1 B"});
  table.AddRow({"\x1b[1mwindow\x1b[0m", "10 kB"});
  EXPECT_EQ(table.Render(Style(false)),
            "name     size\n"
            "Tür       1 B\n"
            "\x1b[1mwindow\x1b[0m  10 kB\n");
}

TEST(TableTest, WithoutHeadingsThereIsNoHeadingLine) {
  Table table({{"", Align::kLeft}, {"", Align::kLeft}});
  table.AddRow({"a"});
  EXPECT_EQ(table.Render(Style(false), 2), "  a\n");
}

TEST(StyleTest, IsNothingWhereItIsOff) {
  EXPECT_EQ(Style(false).Bold("x"), "x");
  EXPECT_EQ(Style(true).Bold("x"), "\x1b[1mx\x1b[0m");
  EXPECT_EQ(Style(true).Bold(""), "");
}

}  // namespace
}  // namespace deixis::cli
