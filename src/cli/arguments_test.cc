#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace deixis::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Flag kFlags[] = {
    {.name = "centroids",
     .letter = 'k',
     .kind = ValueKind::kInteger,
     .value_name = "K",
     .help = "h",
     .default_value = "16",
     .environment = "DEIXIS_CENTROIDS",
     .minimum = 2,
     .maximum = 256},
    {.name = "drop",
     .kind = ValueKind::kReal,
     .value_name = "P",
     .help = "h",
     .minimum = 0,
     .maximum = 100},
    {.name = "size", .kind = ValueKind::kBytes, .value_name = "N", .help = "h"},
    {.name = "list",
     .kind = ValueKind::kIntegers,
     .value_name = "L",
     .help = "h",
     .minimum = 2,
     .maximum = 256},
    {.name = "per",
     .kind = ValueKind::kChoice,
     .value_name = "G",
     .help = "h",
     .allowed = "row|group"},
};
constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "m"},
    {.name = "IMAGE", .help = "i", .optional = true, .repeated = true},
};
constexpr Command kCommand = {.name = "test",
                              .summary = "s",
                              .description = "d",
                              .positionals = kPositionals,
                              .flags = kFlags,
                              .examples = {},
                              .run = nullptr};

Result<Arguments> Parse(std::vector<std::string> words,
                        std::map<std::string, std::string> environment = {}) {
  return ParseArguments(kCommand, words, [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(ArgumentsTest, ValuesWithTheirKinds) {
  const auto arguments = Parse({"m", "-k", "8", "--drop=0.5", "--size", "6.1MB", "--list", "2,3,16",
                                "--per", "row", "a.png", "b.png"});
  ASSERT_TRUE(arguments.ok()) << arguments.error().message;
  EXPECT_EQ(arguments->Integer("centroids"), 8);
  EXPECT_EQ(arguments->Real("drop"), 0.5);
  EXPECT_EQ(arguments->Bytes("size"), 6'100'000);
  EXPECT_THAT(arguments->Integers("list"), ElementsAre(2, 3, 16));
  EXPECT_EQ(arguments->Text("per"), "row");
  EXPECT_THAT(arguments->words(), ElementsAre("m", "a.png", "b.png"));
  EXPECT_TRUE(arguments->Given("centroids"));
}

TEST(ArgumentsTest, DefaultsAreNotGiven) {
  const auto arguments = Parse({"m"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->Integer("centroids"), 16);
  EXPECT_FALSE(arguments->Given("centroids"));
  EXPECT_FALSE(arguments->Has("drop"));
  EXPECT_FALSE(arguments->Switch("json"));
}

TEST(ArgumentsTest, TheEnvironmentIsGivenButWeakerThanTheCommandLine) {
  const auto from_environment = Parse({"m"}, {{"DEIXIS_CENTROIDS", "4"}});
  ASSERT_TRUE(from_environment.ok());
  EXPECT_EQ(from_environment->Integer("centroids"), 4);
  EXPECT_TRUE(from_environment->Given("centroids"));
  EXPECT_EQ(Parse({"m", "-k", "8"}, {{"DEIXIS_CENTROIDS", "4"}})->Integer("centroids"), 8);
}

TEST(ArgumentsTest, TheLastOfTwoCounts) {
  EXPECT_EQ(Parse({"m", "-k", "8", "--centroids", "4"})->Integer("centroids"), 4);
}

TEST(ArgumentsTest, ValuesOutOfTheirBounds) {
  const std::vector<std::vector<std::string>> wrong = {
      {"m", "-k", "1"},
      {"m", "-k", "257"},
      {"m", "-k", "8.5"},
      {"m", "-k", ""},
      {"m", "-k"},
      {"m", "-k", "0x10"},
      {"m", "--drop", "-1"},
      {"m", "--drop", "nan"},
      {"m", "--drop", "inf"},
      {"m", "--drop", "1,5"},
      {"m", "--size", "0"},
      {"m", "--size", "5Q"},
      {"m", "--size", "-5"},
      {"m", "--list", "2,2"},
      {"m", "--list", "2,,3"},
      {"m", "--list", "2,1"},
      {"m", "--per", "rows"},
      {"m", "--per", ""},
      {"m", "--size", "9e30"},
  };
  for (const auto& words : wrong) {
    const auto arguments = Parse(words);
    ASSERT_FALSE(arguments.ok()) << testing::PrintToString(words);
    EXPECT_EQ(arguments.error().code, ErrorCode::kUsage);
    EXPECT_THAT(arguments.error().message, HasSubstr(words[1] == "-k" ? "-k" : words[1]));
  }
}

TEST(ArgumentsTest, AMissingWordIsNamed) {
  const auto arguments = Parse({});
  ASSERT_FALSE(arguments.ok());
  EXPECT_THAT(arguments.error().message, HasSubstr("MODEL"));
}

TEST(ParseBytesTest, UnitsOfThousandsAndOf1024) {
  EXPECT_EQ(ParseBytes("6100000"), 6'100'000);
  EXPECT_EQ(ParseBytes("900k"), 900'000);
  EXPECT_EQ(ParseBytes("900kB"), 900'000);
  EXPECT_EQ(ParseBytes("900K"), 900'000);
  EXPECT_EQ(ParseBytes("1.5MB"), 1'500'000);
  EXPECT_EQ(ParseBytes("4MiB"), 4 << 20);
  EXPECT_EQ(ParseBytes("4Mi"), 4 << 20);
  EXPECT_EQ(ParseBytes("17B"), 17);
  for (const char* wrong : {"", "k", "MB", "5 MB", "5MBs", "5m", "five", "nan"}) {
    EXPECT_EQ(ParseBytes(wrong), std::nullopt) << wrong;
  }
}

// What the records must fulfil so that everything that is made from them makes sense.
TEST(RecordsTest, AreWhole) {
  std::set<std::string_view> commands;
  for (const Command* command : Commands()) {
    SCOPED_TRACE(command->name);
    EXPECT_TRUE(commands.insert(command->name).second);
    EXPECT_FALSE(command->summary.empty());
    EXPECT_FALSE(command->summary.ends_with('.'));
    EXPECT_TRUE(command->description.ends_with('.'));
    EXPECT_FALSE(command->examples.empty());
    EXPECT_NE(command->run, nullptr);
    for (size_t i = 0; i + 1 < command->positionals.size(); ++i) {
      EXPECT_FALSE(command->positionals[i].repeated);
      EXPECT_FALSE(command->positionals[i].optional);
    }
    std::set<std::string_view> names;
    std::set<char> letters;
    const auto check = [&](const Flag& flag) {
      SCOPED_TRACE(flag.name);
      EXPECT_TRUE(names.insert(flag.name).second);
      if (flag.letter != '\0') {
        EXPECT_TRUE(letters.insert(flag.letter).second);
      }
      EXPECT_FALSE(flag.help.empty());
      EXPECT_FALSE(flag.help.ends_with('.'));
      EXPECT_EQ(flag.value_name.empty(), flag.kind == ValueKind::kSwitch);
      EXPECT_EQ(flag.allowed.empty(), flag.kind != ValueKind::kChoice);
      EXPECT_FALSE(flag.required && !flag.default_value.empty());
      if (flag.kind != ValueKind::kSwitch) {
        EXPECT_FALSE(flag.example.empty());
      }
      if (!flag.environment.empty()) {
        // DEIXIS_ and the name in capitals: nobody has to look it up.
        std::string expected = "DEIXIS_";
        for (const char c : flag.name) {
          expected += c == '-' ? '_' : static_cast<char>(std::toupper(c));
        }
        EXPECT_EQ(flag.environment, expected);
      }
    };
    for (const Flag& flag : command->flags) check(flag);
    for (const Flag& flag : CommonFlags()) check(flag);
  }
}

// Defaults and examples pass the checks that a user's value has to pass.
TEST(RecordsTest, DefaultsAndExamplesAreValid) {
  const auto none = [](const std::string&) { return std::optional<std::string>(); };
  for (const Command* command : Commands()) {
    for (const Flag& flag : command->flags) {
      for (const std::string_view value : {flag.default_value, flag.example}) {
        if (value.empty()) continue;
        std::vector<std::string> words(command->positionals.size(), "x");
        for (size_t i = 0; i < words.size(); ++i) {
          if (command->positionals[i].kind == ValueKind::kChoice) {
            words[i] = Split(command->positionals[i].allowed, '|').front();
          }
        }
        for (const Flag& other : command->flags) {
          if (other.required) words.push_back("--" + std::string(other.name) + "=x");
        }
        words.push_back("--" + std::string(flag.name) + "=" + std::string(value));
        const auto arguments = ParseArguments(*command, words, none);
        EXPECT_TRUE(arguments.ok()) << command->name << " " << words.back() << ": "
                                    << (arguments.ok() ? "" : arguments.error().message);
      }
    }
  }
}

}  // namespace
}  // namespace deixis::cli
