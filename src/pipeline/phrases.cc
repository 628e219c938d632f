#include "pipeline/phrases.h"

#include <array>
#include <filesystem>
#include <map>
#include <utility>

#include "base/file.h"
#include "speech/voice.h"
#include "vision/csv.h"

namespace deixis {
namespace {

struct Catalogue {
  Language language;
  std::string_view tag;
  std::string_view espeak_voice;
  std::string_view guess;  // before a name
  std::string_view too_dark;
  std::string_view too_blurred;
  std::string_view tip_at_edge;
  std::string_view camera_lost;
  std::string_view camera_back;
  std::string_view recording;
  std::string_view recording_ended;
};

constexpr std::array<Catalogue, 2> kCatalogues = {{
    {.language = Language::kEnglish,
     .tag = "en",
     .espeak_voice = "en",
     .guess = "maybe ",
     .too_dark = "too dark",
     .too_blurred = "hold still",
     .tip_at_edge = "finger at the edge",
     .camera_lost = "no camera",
     .camera_back = "camera is back",
     .recording = "recording pictures",
     .recording_ended = "recording has ended"},
    {.language = Language::kTraditionalChinese,
     .tag = "zh-Hant",
     .espeak_voice = "cmn-latn-pinyin",
     .guess = "可能是",
     .too_dark = "太暗了",
     .too_blurred = "請不要動",
     .tip_at_edge = "手指在畫面邊緣",
     .camera_lost = "沒有攝影機",
     .camera_back = "攝影機恢復了",
     .recording = "正在錄影",
     .recording_ended = "錄影結束了"},
}};

const Catalogue& CatalogueOf(Language language) {
  return kCatalogues[static_cast<size_t>(language)];
}

}  // namespace

std::optional<Language> LanguageFromTag(std::string_view tag) {
  for (const Catalogue& catalogue : kCatalogues) {
    if (catalogue.tag == tag) return catalogue.language;
  }
  return std::nullopt;
}

std::string_view LanguageTag(Language language) { return CatalogueOf(language).tag; }

std::string_view EspeakVoice(Language language) { return CatalogueOf(language).espeak_voice; }

std::string PhraseFor(const DecisionEvent& event, const std::vector<std::string>& names,
                      Language language) {
  const Catalogue& catalogue = CatalogueOf(language);
  const bool has_label = event.label >= 0 && event.label < static_cast<int>(names.size());
  const std::string name = has_label ? SpokenForm(names[event.label]) : std::string();
  switch (event.kind) {
    case DecisionEventKind::kSay:
      return name;
    case DecisionEventKind::kHedge:
      return name.empty() ? name : std::string(catalogue.guess) + name;
    case DecisionEventKind::kTooDark:
      return std::string(catalogue.too_dark);
    case DecisionEventKind::kTooBlurred:
      return std::string(catalogue.too_blurred);
    case DecisionEventKind::kTipAtEdge:
      return std::string(catalogue.tip_at_edge);
    case DecisionEventKind::kCameraLost:
      return std::string(catalogue.camera_lost);
    case DecisionEventKind::kCameraBack:
      return std::string(catalogue.camera_back);
    default:
      return "";
  }
}

std::string RecordingPhrase(bool is_on, Language language) {
  const Catalogue& catalogue = CatalogueOf(language);
  return std::string(is_on ? catalogue.recording : catalogue.recording_ended);
}

Result<std::vector<std::string>> ReadSpokenNames(const std::string& path,
                                                 const std::vector<std::string>& labels,
                                                 Language language) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  auto table =
      ParseCsv({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  if (!table.ok()) return std::move(table).error().WithContext(path);
  const int label_column = table->Column({"label"});
  if (label_column < 0) {
    return InvalidData(path + ": expected a column \"label\"",
                       "its first line is for instance: label,en,zh-Hant");
  }
  const int name_column = table->Column({LanguageTag(language)});
  std::map<std::string, std::string> names;
  for (const CsvTable::Row& row : table->rows) {
    if (name_column < 0 || row.fields[name_column].empty()) continue;
    names.emplace(row.fields[label_column], row.fields[name_column]);
  }
  std::vector<std::string> spoken = labels;
  for (std::string& name : spoken) {
    const auto found = names.find(name);
    if (found != names.end()) name = found->second;
  }
  return spoken;
}

std::string SpokenNamesPath(const std::string& model_path) {
  return std::filesystem::path(model_path).replace_extension(".names.csv").string();
}

}  // namespace deixis
