// JSON: RFC 8259 to the letter, limits, and that what is written reads back.
#include "format/json.h"

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

TEST(ParseJson, TakesEveryKindOfValue) {
  const auto value = ParseJson(
      " { \"null\" : null , \"t\":true,\"f\":false,\"i\":-12,\"d\":1.5e2,\"s\":\"x\",\"a\":[ 1 , "
      "[] ],"
      "\"o\":{} }\r\n\t");
  ASSERT_TRUE(value.ok()) << value.error().message;
  EXPECT_TRUE(value->Find("null")->is_null());
  EXPECT_TRUE(*value->Find("t")->AsBool());
  EXPECT_FALSE(*value->Find("f")->AsBool());
  EXPECT_EQ(value->Find("i")->AsInteger(), -12);
  EXPECT_EQ(value->Find("d")->AsInteger(), std::nullopt);
  EXPECT_EQ(value->Find("d")->AsNumber(), 150.0);
  EXPECT_EQ(*value->Find("s")->AsString(), "x");
  EXPECT_EQ(value->Find("a")->AsArray()->size(), 2u);
  EXPECT_TRUE(value->Find("o")->AsObject()->empty());
  EXPECT_EQ(value->Find("none"), nullptr);
  EXPECT_EQ(value->Find("a")->Find("x"), nullptr);
  EXPECT_EQ(value->AsArray(), nullptr);
}

TEST(ParseJson, ReadsNumbersExactly) {
  EXPECT_EQ(ParseJson("9223372036854775807")->AsInteger(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseJson("-9223372036854775808")->AsInteger(), std::numeric_limits<int64_t>::min());
  const auto beyond = ParseJson("9223372036854775808");
  EXPECT_EQ(beyond->AsInteger(), std::nullopt);
  EXPECT_EQ(beyond->AsNumber(), 9223372036854775808.0);
  EXPECT_EQ(ParseJson("0")->AsInteger(), 0);
  EXPECT_TRUE(std::signbit(*ParseJson("-0")->AsNumber()));
  EXPECT_EQ(ParseJson("1E+2")->AsNumber(), 100.0);
  EXPECT_EQ(ParseJson("1e-400")->AsNumber(), 0.0);
  EXPECT_EQ(ParseJson("0.0000e99999999999999999999")->AsNumber(), 0.0);
  EXPECT_EQ(ParseJson("0." + std::string(400, '0') + "1")->AsNumber(), 0.0);
  EXPECT_EQ(ParseJson("1e-99999999999999999999")->AsNumber(), 0.0);
  EXPECT_EQ(ParseJson("0.01e-9223372036854775807")->AsNumber(), 0.0);
  EXPECT_EQ(ParseJson("1.7976931348623157e308")->AsNumber(), std::numeric_limits<double>::max());
}

TEST(ParseJson, ReadsStrings) {
  EXPECT_EQ(*ParseJson(R"("\"\\\/\b\f\n\r\t")")->AsString(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(*ParseJson(R"("A\u00e9\u20AC\uD83D\uDE00")")->AsString(), "Aé€😀");
  EXPECT_EQ(*ParseJson("\"é€😀\x7F\"")->AsString(), "é€😀\x7F");
  EXPECT_EQ(*ParseJson(R"("\u0000")")->AsString(), std::string(1, '\0'));
}

struct Bad {
  std::string text;
  std::string message;
};

TEST(ParseJson, RefusesEverythingElseInWords) {
  const Bad kBad[] = {
      {"", "byte 0: expected a value, found the end of the text"},
      {" ", "byte 1: expected a value"},
      {"{} {}", "byte 3: expected the end of the text, found '{'"},
      {"\xEF\xBB\xBF{}", "expected a value, found byte 239"},
      {"nul", "expected a value, found 'n'"},
      {"True", "expected a value, found 'T'"},
      {"NaN", "expected a value, found 'N'"},
      {"[1,]", "expected a value, found ']'"},
      {"[1 2]", "expected ',' or ']', found '2'"},
      {"[", "expected a value, found the end"},
      {"{,}", "expected a name in double quotes, found ','"},
      {"{\"a\":1,}", "expected a name in double quotes, found '}'"},
      {"{a:1}", "expected a name in double quotes, found 'a'"},
      {"{\"a\" 1}", "expected ':', found '1'"},
      {"{\"a\":1 \"b\":2}", "expected ',' or '}'"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "found \"a\" twice"},
      {"{\"\\u0061\":1,\"a\":3}", "found \"a\" twice"},
      {"01", "expected the end of the text, found '1'"},
      {"-", "expected a digit"},
      {"+1", "expected a value, found '+'"},
      {".5", "expected a value, found '.'"},
      {"1.", "expected a digit"},
      {"1e", "expected a digit"},
      {"1e+", "expected a digit"},
      {"0x10", "expected the end of the text, found 'x'"},
      {"1e400", "within double's range"},
      {"-1e99999999999999999999", "within double's range"},
      {"0.1e400", "within double's range"},
      {"-114e009223372036854775805", "within double's range"},
      {"\"", "expected '\"', found the end"},
      {"\"\n\"", "expected an escape, found byte 10"},
      {"\"\\x\"", "expected an escape, found 'x'"},
      {"\"\\", "expected an escape, found the end"},
      {"\"\\u12\"", "expected 4 hexadecimal digits"},
      {"\"\\u12", "expected 4 hexadecimal digits"},
      {R"("\uD800")", "lone high surrogate"},
      {R"("\uD800\u0041")", "lone high surrogate"},
      {R"("\uDC00")", "lone low surrogate"},
      {"\"\x80\"", "expected UTF-8, found byte 128"},
      {"\"\xC0\xAF\"", "expected UTF-8"},          // overlong
      {"\"\xE0\x80\xAF\"", "expected UTF-8"},      // overlong
      {"\"\xED\xA0\x80\"", "expected UTF-8"},      // surrogate
      {"\"\xF4\x90\x80\x80\"", "expected UTF-8"},  // above U+10FFFF
      {"\"\xE2\x82\"", "expected UTF-8"},          // cut short
      {std::string("1\0", 2), "expected the end of the text, found byte 0"},
      {"// comment\n1", "expected a value, found '/'"},
  };
  for (const Bad& bad : kBad) {
    const auto value = ParseJson(bad.text);
    ASSERT_FALSE(value.ok()) << bad.text;
    EXPECT_EQ(value.error().code, ErrorCode::kInvalidData);
    EXPECT_THAT(value.error().message, HasSubstr(bad.message)) << bad.text;
  }
}

TEST(ParseJson, KeepsItsLimits) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseJson(nested(16)).ok());
  EXPECT_FALSE(ParseJson(nested(17)).ok());
  EXPECT_TRUE(ParseJson(nested(3), {.max_depth = 3}).ok());
  const auto deep = ParseJson(nested(1'000'000));
  ASSERT_FALSE(deep.ok());
  EXPECT_THAT(deep.error().message, HasSubstr("expected a nesting of at most 16"));
  EXPECT_TRUE(ParseJson("[1,2]", {.max_values = 3}).ok());
  const auto many = ParseJson("[1,2,3]", {.max_values = 3});
  ASSERT_FALSE(many.ok());
  EXPECT_THAT(many.error().message, HasSubstr("expected at most 3 values"));
}

TEST(ToJson, WritesWhatReadsBack) {
  const JsonValue value =
      JsonValue::Object{{"a", JsonValue::Array{1, true, nullptr == nullptr, JsonValue(), "x", 0.1,
                                               0.1f, int64_t{1} << 60}},
                        {"quote\"\\\n\x01é", JsonValue::Object{}}};
  const std::string text = ToJson(value);
  EXPECT_EQ(text,
            "{\"a\":[1,true,true,null,\"x\",0.1,0.1,1152921504606846976],"
            "\"quote\\\"\\\\\\u000a\\u0001é\":{}}");
  const auto read = ParseJson(text);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(ToJson(*read), text);
}

TEST(ToJson, MakesValidTextOfAnything) {
  EXPECT_EQ(ToJson(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(ToJson(std::numeric_limits<float>::quiet_NaN()), "null");
  EXPECT_EQ(ToJson("a\xFF"
                   "b"),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

TEST(ToJson, FloatsReadBackTheSame) {
  Rng rng(7);
  for (int i = 0; i < 10000; ++i) {
    const auto number = static_cast<float>(rng.Normal() * std::exp(rng.Uniform(-60, 60)));
    EXPECT_EQ(static_cast<float>(*ParseJson(ToJson(number))->AsNumber()), number);
    const double wide = rng.Normal() * std::exp(rng.Uniform(-600, 600));
    EXPECT_EQ(*ParseJson(ToJson(wide))->AsNumber(), wide);
  }
}

TEST(IsValidUtf8, KnowsTheEdges) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(
      IsValidUtf8("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* bad :
       {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC2", "\xE1\x80", "\xF1\x80\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

}  // namespace
}  // namespace deixis
