// What is said, in the wearer's language: the messages, and the name of each label.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pipeline/decision.h"

namespace deixis {

enum class Language { kEnglish, kTraditionalChinese };

// By its tag (BCP 47): "en", "zh-Hant".
std::optional<Language> LanguageFromTag(std::string_view tag);
std::string_view LanguageTag(Language language);
// The voice of espeak-ng that speaks it. Its plain "cmn" spells most characters out in English.
std::string_view EspeakVoice(Language language);

// What is said for an event, in words; empty for one that has no words. `names`: of each label.
std::string PhraseFor(const DecisionEvent& event, const std::vector<std::string>& names,
                      Language language = Language::kEnglish);

// That pictures are kept from now on, or no longer.
std::string RecordingPhrase(bool is_on, Language language = Language::kEnglish);

// The spoken name of each of `labels`, from a CSV file with the columns "label", "en", "zh-Hant"
// and so on. A label that the file does not name, or not in this language, is its own name.
// kNotFound without such a file, kInvalidData when it is no such table.
Result<std::vector<std::string>> ReadSpokenNames(const std::string& path,
                                                 const std::vector<std::string>& labels,
                                                 Language language);

// Where the names of a model lie: objects.names.csv beside objects.safetensors.
std::string SpokenNamesPath(const std::string& model_path);

}  // namespace deixis
