#include "vision/store/hidden_tables.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "vision/csv.h"
#include "vision/dataset.h"
#include "vision/sample_columns.h"
#include "vision/store/table_fields.h"

namespace deixis::internal {
namespace {

constexpr std::string_view kRecordColumns =
    "place,id,file,category,marks,session,held_out,created,burst,other";
constexpr size_t kNumRecordColumns = 10;
constexpr std::string_view kPlaceNames[] = {"here", "bin", "undone"};
constexpr std::string_view kNoChange = ",,,,,,,,,";

// Tables within a field of a table.
std::string MarksText(const Marks& marks) {
  if (marks.empty()) return {};
  std::string text = "category,x_px,y_px\n";
  for (const auto& [category, mark] : marks) {
    text += CsvField(category) + "," + MarkFields(mark) + "\n";
  }
  return text;
}

std::string OtherText(const std::map<std::string, std::string>& other) {
  if (other.empty()) return {};
  std::string text = "column,value\n";
  for (const auto& [name, value] : other) text += CsvField(name) + "," + CsvField(value) + "\n";
  return text;
}

std::string RecordText(const Record& record) {
  const StoredSample& sample = record.sample;
  return std::string(kPlaceNames[static_cast<size_t>(record.place)]) + "," +
         std::to_string(sample.id) + "," + CsvField(sample.file) + "," + CsvField(sample.category) +
         "," + CsvField(MarksText(sample.marks)) + "," + CsvField(sample.session) + "," +
         SideText(sample.held_out) + "," + CsvField(sample.created) + "," + CsvField(sample.burst) +
         "," + CsvField(OtherText(sample.other));
}

Result<Record> ParseRecord(std::span<const std::string> fields) {
  Record record;
  const auto place = std::ranges::find(kPlaceNames, fields[0]);
  if (place == std::end(kPlaceNames)) return InvalidData("unknown place \"" + fields[0] + "\"");
  record.place = static_cast<Place>(place - std::begin(kPlaceNames));
  StoredSample& sample = record.sample;
  sample.id = ParseInteger(fields[1]).value_or(0);
  sample.file = fields[2];
  if (sample.id < 1 || !IsInside(sample.file)) {
    return InvalidData("expected a number and a file in the dataset's folder, found \"" +
                       fields[1] + "\" and \"" + sample.file + "\"");
  }
  sample.category = fields[3];
  DEIXIS_ASSIGN(const CsvTable marks, ParseCsv(fields[4]));
  for (const CsvTable::Row& row : marks.rows) {
    if (row.fields.size() != 3) return InvalidData("marks of three columns are expected");
    const auto x = ParseNumber(row.fields[1]);
    const auto y = ParseNumber(row.fields[2]);
    sample.marks[row.fields[0]] = x && y ? Mark(Point{*x, *y}) : std::nullopt;
  }
  sample.session = fields[5];
  if (!fields[6].empty()) sample.held_out = fields[6] == "1";
  sample.created = fields[7];
  sample.burst = fields[8];
  DEIXIS_ASSIGN(const CsvTable other, ParseCsv(fields[9]));
  for (const CsvTable::Row& row : other.rows) {
    if (row.fields.size() != 2) return InvalidData("other columns: expected name and value");
    sample.other[row.fields[0]] = row.fields[1];
  }
  return record;
}

std::string Lines(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "\n") + name;
  return text;
}

std::set<std::string> FromLines(std::string_view text) {
  std::set<std::string> names;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    names.emplace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

std::string StateText(const HiddenTables& tables) {
  std::string text = "key,value\nversion,1\nkind,";
  text += tables.kind == DatasetKind::kObjects ? "objects" : "pointing";
  text += "\nnext_id," + std::to_string(tables.next_id) + "\nhistory_position," +
          std::to_string(tables.history_position) + "\n";
  for (const std::string& category : tables.categories) {
    text += "category," + CsvField(category) + "\n";
  }
  return text;
}

Status ParseState(const CsvTable& table, HiddenTables& tables) {
  if (!table.columns.empty() && table.columns.size() != 2) {
    return InvalidData("expected the columns key and value");
  }
  for (const CsvTable::Row& row : table.rows) {
    const std::string& key = row.fields[0];
    const std::string& value = row.fields[1];
    if (key == "version" && value != "1") {
      return InvalidData("expected version 1, found \"" + value + "\"",
                         "a newer Deixis has written this; use that one");
    }
    if (key == "kind") {
      tables.kind = value == "pointing" ? DatasetKind::kPointing : DatasetKind::kObjects;
    }
    if (key == "next_id") {
      tables.next_id = std::max<int64_t>(1, ParseInteger(value).value_or(1));
    }
    if (key == "history_position") {
      tables.history_position =
          static_cast<size_t>(std::max<int64_t>(0, ParseInteger(value).value_or(0)));
    }
    if (key == "category") tables.categories.insert(value);
  }
  return Ok();
}

constexpr size_t kNumActionColumns = 7;

std::string HistoryText(const std::vector<Action>& history) {
  std::string text = "action,what,burst,category,categories_before,categories_after,side," +
                     std::string(kRecordColumns) + "\n";
  for (size_t i = 0; i < history.size(); ++i) {
    const Action& action = history[i];
    const std::string number = std::to_string(i) + ",";
    text += number + CsvField(action.what) + "," + CsvField(action.burst) + "," +
            CsvField(action.category) + "," + CsvField(Lines(action.categories_before)) + "," +
            CsvField(Lines(action.categories_after)) + ",," + std::string(kNoChange) + "\n";
    for (const RecordChange& change : action.changes) {
      text += number + ",,,,,before," + RecordText(change.before) + "\n";
      text += number + ",,,,,after," + RecordText(change.after) + "\n";
    }
  }
  return text;
}

Status ParseHistory(const CsvTable& table, HiddenTables& tables) {
  for (const CsvTable::Row& row : table.rows) {
    const std::string at = "line " + std::to_string(row.line) + ": ";
    if (row.fields.size() != kNumActionColumns + kNumRecordColumns) {
      return InvalidData(at + "expected 17 columns");
    }
    const std::string& side = row.fields[6];
    if (side.empty()) {
      tables.history.push_back({.what = row.fields[1],
                                .burst = row.fields[2],
                                .category = row.fields[3],
                                .changes = {},
                                .categories_before = FromLines(row.fields[4]),
                                .categories_after = FromLines(row.fields[5])});
      continue;
    }
    Result<Record> record = ParseRecord(std::span(row.fields).subspan(kNumActionColumns));
    if (!record.ok()) return InvalidData(at + record.error().message);
    if (tables.history.empty()) return InvalidData(at + "a change of no action");
    std::vector<RecordChange>& changes = tables.history.back().changes;
    if (side == "before") {
      changes.push_back({.before = *std::move(record), .after = {}});
    } else if (!changes.empty()) {
      changes.back().after = *std::move(record);
    }
  }
  tables.history_position = std::min(tables.history_position, tables.history.size());
  return Ok();
}

std::string FactsText(const std::map<int64_t, PictureFacts>& facts) {
  std::string text = "id,file_bytes,modified_ns,height_px,width_px,hash,digest\n";
  for (const auto& [id, fact] : facts) {
    text += std::to_string(id) + "," + std::to_string(fact.file_bytes) + "," +
            std::to_string(fact.modified_ns) + "," + std::to_string(fact.height_px) + "," +
            std::to_string(fact.width_px) + "," + ToHex(fact.hash) + "," +
            std::to_string(fact.digest) + "\n";
  }
  return text;
}

// A row that makes no sense is passed over: the picture is looked at again.
void ParseFacts(const CsvTable& table, HiddenTables& tables) {
  if (table.columns.size() != 7) return;
  for (const CsvTable::Row& row : table.rows) {
    const auto hash = PictureHashFromHex(row.fields[5]);
    uint64_t digest = 0;
    const std::string& digits = row.fields[6];
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), digest);
    int64_t numbers[5];
    bool makes_sense = hash && error == std::errc();
    for (size_t i = 0; i < std::size(numbers); ++i) {
      const auto number = ParseInteger(row.fields[i]);
      makes_sense &= number.has_value();
      numbers[i] = number.value_or(0);
    }
    if (!makes_sense) continue;
    tables.facts[numbers[0]] = {.file_bytes = numbers[1],
                                .modified_ns = numbers[2],
                                .height_px = numbers[3],
                                .width_px = numbers[4],
                                .hash = *hash,
                                .digest = digest};
  }
}

}  // namespace

std::map<std::string, std::string> HiddenTexts(const HiddenTables& tables) {
  std::string away = std::string(kRecordColumns) + "\n";
  for (const Record& record : tables.away) away += RecordText(record) + "\n";
  return {{"state.csv", StateText(tables)},
          {"away.csv", std::move(away)},
          {"history.csv", HistoryText(tables.history)},
          {"pictures.csv", FactsText(tables.facts)}};
}

Result<HiddenTables> ParseHiddenTexts(const std::map<std::string, std::string>& texts) {
  HiddenTables tables;
  std::map<std::string, CsvTable> parsed;
  for (const auto& [name, text] : texts) {
    Result<CsvTable> table = ParseCsv(text);
    if (!table.ok()) return table.error().WithContext(name);
    parsed[name] = *std::move(table);
  }
  if (const Status state = ParseState(parsed["state.csv"], tables); !state.ok()) {
    return state.error().WithContext("state.csv");
  }
  for (const CsvTable::Row& row : parsed["away.csv"].rows) {
    Result<Record> record = row.fields.size() == kNumRecordColumns
                                ? ParseRecord(row.fields)
                                : Result<Record>(InvalidData("expected 10 columns"));
    if (!record.ok()) {
      return InvalidData("away.csv line " + std::to_string(row.line) + ": " +
                         record.error().message);
    }
    tables.away.push_back(*std::move(record));
  }
  if (const Status history = ParseHistory(parsed["history.csv"], tables); !history.ok()) {
    return history.error().WithContext("history.csv");
  }
  ParseFacts(parsed["pictures.csv"], tables);
  return tables;
}

}  // namespace deixis::internal
