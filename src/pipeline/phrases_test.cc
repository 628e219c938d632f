#include "pipeline/phrases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "speech/voice.h"

namespace deixis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = DecisionEventKind;

constexpr Language kLanguages[] = {Language::kEnglish, Language::kTraditionalChinese};

TEST(Languages, AreKnownByTheirTags) {
  for (const Language language : kLanguages) {
    EXPECT_EQ(LanguageFromTag(LanguageTag(language)), language);
  }
  for (const char* tag : {"", "EN", "zh", "de"}) EXPECT_FALSE(LanguageFromTag(tag)) << tag;
}

TEST(PhraseFor, HasWordsInEveryLanguage) {
  const std::vector<std::string> names = {"coffee_mug", "key"};
  std::set<std::string> phrases;
  const auto kinds = {Kind::kHedge,     Kind::kTooDark,    Kind::kTooBlurred,
                      Kind::kTipAtEdge, Kind::kCameraLost, Kind::kCameraBack};
  for (const Language language : kLanguages) {
    for (const Kind kind : kinds) {
      const std::string phrase = PhraseFor({.kind = kind, .label = 0}, names, language);
      EXPECT_EQ(SpokenForm(phrase), phrase) << "well-formed, and can be spoken";
      EXPECT_TRUE(phrases.insert(phrase).second) << phrase << " is said for two things";
    }
    EXPECT_EQ(PhraseFor({.kind = Kind::kSay, .label = 0}, names, language), "coffee mug");
    for (const Kind kind :
         {Kind::kFingerFound, Kind::kFingerLost, Kind::kLocked, Kind::kUnknown, Kind::kRepeat}) {
      EXPECT_EQ(PhraseFor({.kind = kind, .label = 1}, names, language), "");
    }
    for (const int label : {-1, 2}) {
      EXPECT_EQ(PhraseFor({.kind = Kind::kSay, .label = label}, names, language), "");
      EXPECT_EQ(PhraseFor({.kind = Kind::kHedge, .label = label}, names, language), "");
    }
  }
  EXPECT_EQ(PhraseFor({.kind = Kind::kHedge, .label = 1}, names), "maybe key");
}

class NamesFile : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  void TearDown() override { std::filesystem::remove(path_); }
  const std::string path_ =
      ::testing::TempDir() + "things_" + std::to_string(::getpid()) + ".names.csv";
};

TEST_F(NamesFile, GivesEachLabelItsName) {
  Write("label,zh-Hant,en\nmug,杯子,coffee mug\nkey,,\n\"a,b\",甲,letters\n");
  const std::vector<std::string> labels = {"key", "mug", "a,b", "other"};
  EXPECT_THAT(*ReadSpokenNames(path_, labels, Language::kTraditionalChinese),
              ElementsAre("key", "杯子", "甲", "other"));
  EXPECT_THAT(*ReadSpokenNames(path_, labels, Language::kEnglish),
              ElementsAre("key", "coffee mug", "letters", "other"));
  Write("label,de\nmug,Tasse\n");
  EXPECT_THAT(*ReadSpokenNames(path_, labels, Language::kEnglish),
              ElementsAre("key", "mug", "a,b", "other"));
}

TEST_F(NamesFile, ThatIsMissingOrNoneIsSaidSo) {
  EXPECT_EQ(ReadSpokenNames(path_, {}, Language::kEnglish).error().code, ErrorCode::kNotFound);
  Write("name,en\nmug,mug\n");
  const auto wrong = ReadSpokenNames(path_, {}, Language::kEnglish);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(wrong.error().message, HasSubstr("\"label\""));
}

TEST(SpokenNamesPath, LiesBesideTheModel) {
  EXPECT_EQ(SpokenNamesPath("/a/b.c/objects.safetensors"), "/a/b.c/objects.names.csv");
  EXPECT_EQ(SpokenNamesPath("things.pth"), "things.names.csv");
}

}  // namespace
}  // namespace deixis
