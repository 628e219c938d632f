#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace deixis {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return UsageError("odd", "give an even number");
  return value / 2;
}

Result<int> Quarter(int value) {
  DEIXIS_ASSIGN(const int half, Half(value));
  DEIXIS_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status CheckQuarter(int value) {
  DEIXIS_RETURN_IF_ERROR(Quarter(value));
  return Ok();
}

TEST(ResultTest, ValuesAndErrorsPassThrough) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto error = Quarter(6);
  ASSERT_FALSE(error.ok());
  EXPECT_EQ(error.error().message, "odd");
  EXPECT_EQ(error.error().remedy, "give an even number");
  EXPECT_EQ(error.error().code, ErrorCode::kUsage);
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_FALSE(CheckQuarter(2).ok());
}

TEST(ResultTest, ContextComesInFront) {
  const Error error = InvalidData("too short", "get it again").WithContext("a.pth");
  EXPECT_EQ(error.message, "a.pth: too short");
  EXPECT_EQ(error.remedy, "get it again");
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
}

TEST(ResultTest, HoldsWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
}

TEST(ResultTest, TheSideThatIsNotThereEndsTheProcess) {
  const Result<int> value = 1;
  const Result<int> error = InternalError("x");
  const Status fine;
  EXPECT_DEATH((void)value.error(), "");
  EXPECT_DEATH((void)error.value(), "");
  EXPECT_DEATH((void)fine.error(), "");
}

TEST(ErrorCodeTest, AreTheDocumentedExitCodes) {
  EXPECT_EQ(static_cast<int>(ErrorCode::kInternal), 1);
  EXPECT_EQ(static_cast<int>(ErrorCode::kUsage), 2);
  EXPECT_EQ(static_cast<int>(ErrorCode::kNotFound), 3);
  EXPECT_EQ(static_cast<int>(ErrorCode::kInvalidData), 4);
  EXPECT_EQ(static_cast<int>(ErrorCode::kDeviceUnavailable), 5);
  EXPECT_EQ(static_cast<int>(ErrorCode::kBusy), 6);
  EXPECT_EQ(static_cast<int>(ErrorCode::kAuthentication), 7);
  EXPECT_EQ(static_cast<int>(ErrorCode::kQualityMissed), 8);
  EXPECT_EQ(static_cast<int>(ErrorCode::kResources), 9);
  EXPECT_EQ(static_cast<int>(ErrorCode::kInterrupted), 130);
}

}  // namespace
}  // namespace deixis
