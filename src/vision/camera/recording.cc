#include "vision/camera/recording.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "vision/codecs.h"
#include "vision/csv.h"
#include "vision/scene/scene.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTable = "/frames.csv";
constexpr std::string_view kHeader =
    "file,id,captured_ms,seen_ms,asked,episode,label,phase,fingertip_x_px,fingertip_y_px,"
    "knuckle_x_px,knuckle_y_px,direction_x,direction_y\n";
enum Column { kFile, kId, kCaptured, kSeen, kAsked, kEpisode, kLabel, kPhase, kPlace };
constexpr size_t kNumPlaces = 6;
constexpr std::array<std::string_view, 4> kPhases = {"absent", "approaching", "dwelling",
                                                     "leaving"};
constexpr std::string_view kCopyAgain = "copy the whole folder again";

// The shortest text from which the same number is read.
std::string Exact(double value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, written.ptr);
}

std::string TruthFields(const std::optional<SceneTruth>& truth) {
  if (!truth) return std::string(kPlace - kEpisode + kNumPlaces, ',');
  std::string line = "," + std::to_string(truth->episode) + ",";
  if (truth->label >= 0) line += SceneClassNames()[static_cast<size_t>(truth->label)];
  line += "," + std::string(kPhases[static_cast<size_t>(truth->phase)]);
  const double places[] = {truth->fingertip_x_px, truth->fingertip_y_px, truth->knuckle_x_px,
                           truth->knuckle_y_px};
  for (const double place : places) {
    line += "," + (truth->has_fingertip ? Exact(place) : std::string());
  }
  return line + "," + Exact(truth->direction_x) + "," + Exact(truth->direction_y);
}

bool ReadNumber(const std::string& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// False when the fields are not as TruthFields() writes them.
bool ReadTruth(const std::vector<std::string>& fields, std::optional<SceneTruth>& truth) {
  if (fields[kEpisode].empty()) return true;
  SceneTruth read;
  const auto episode = ParseInteger(fields[kEpisode]);
  const auto phase = std::ranges::find(kPhases, fields[kPhase]);
  if (!episode || phase == kPhases.end()) return false;
  read.episode = *episode;
  read.phase = static_cast<PointingPhase>(phase - kPhases.begin());
  // A thing that is not drawn any more is none.
  const auto label = std::ranges::find(SceneClassNames(), fields[kLabel]);
  if (label != SceneClassNames().end()) {
    read.label = static_cast<int>(label - SceneClassNames().begin());
  }
  read.has_fingertip = !fields[kPlace].empty();
  double* const places[kNumPlaces] = {&read.fingertip_x_px, &read.fingertip_y_px,
                                      &read.knuckle_x_px,   &read.knuckle_y_px,
                                      &read.direction_x,    &read.direction_y};
  for (size_t i = read.has_fingertip ? 0 : 4; i < kNumPlaces; ++i) {
    if (!ReadNumber(fields[kPlace + i], *places[i])) return false;
  }
  truth = read;
  return true;
}

// A file of the folder itself: a recording may come from somebody else.
bool IsPictureName(std::string_view name) {
  constexpr std::string_view kExtension = ".png";
  return name.size() > kExtension.size() && name.ends_with(kExtension) &&
         name.find_first_not_of("0123456789") == name.size() - kExtension.size();
}

bool IsWholeFile(const std::string& path) {
  std::error_code failure;
  return fs::file_size(path, failure) > 0 && !failure;
}

Result<RecordedStep> ReadStep(const std::vector<std::string>& fields, const std::string& folder) {
  RecordedStep step;
  const auto seen_ms = ParseInteger(fields[kSeen]);
  if (!seen_ms) return InvalidData("expected a whole number in the column \"seen_ms\"");
  step.seen_ms = *seen_ms;
  if (fields[kFile].empty()) return step;
  if (!IsPictureName(fields[kFile])) {
    return InvalidData("expected a name like 00000001.png in the column \"file\"");
  }
  step.path = folder + "/" + fields[kFile];
  const auto id = ParseInteger(fields[kId]);
  const auto captured_ms = ParseInteger(fields[kCaptured]);
  if (!id || *id <= 0 || !captured_ms) {
    return InvalidData("expected whole numbers in the columns \"id\" and \"captured_ms\"");
  }
  step.id = static_cast<uint64_t>(*id);
  step.captured_ms = *captured_ms;
  step.asked = fields[kAsked] == "1";
  if (!ReadTruth(fields, step.truth)) {
    return InvalidData("expected what the frame shows in the columns from \"episode\" on");
  }
  return step;
}

}  // namespace

Result<RecordingWriter> RecordingWriter::Create(const std::string& folder) {
  std::error_code failure;
  fs::create_directory(folder, failure);
  if (failure) {
    const std::string message = folder + ": cannot be made: " + failure.message();
    if (failure == std::errc::no_such_file_or_directory) {
      return NotFound(message, "make the folder around it first");
    }
    return ResourceError(message, "name a folder that may be written to");
  }
  if (!fs::is_empty(folder, failure) || failure) {
    return UsageError(folder + ": expected an empty folder or none, found files in it",
                      "name another one: each recording has a folder of its own");
  }
  const std::string path = folder + std::string(kTable);
  Descriptor table(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!table.is_open()) {
    return ResourceError(path + ": cannot be written: " + std::strerror(errno),
                         "name a folder that may be written to");
  }
  RecordingWriter writer(folder, std::move(table));
  DEIXIS_RETURN_IF_ERROR(writer.AddLine(std::string(kHeader)));
  return writer;
}

Status RecordingWriter::AddLine(const std::string& line) {
  // In one piece; of one that does not fit, a reader takes no notice.
  if (::write(table_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return ResourceError(
        folder_ + std::string(kTable) + ": cannot be written: " + std::strerror(errno),
        "free space on the disk");
  }
  num_bytes_ += static_cast<int64_t>(line.size());
  return Ok();
}

Status RecordingWriter::AddFrame(const Frame& frame, int64_t seen_ms, bool asked) {
  char name[32];
  std::snprintf(name, sizeof(name), "%08lld.png", static_cast<long long>(num_frames_ + 1));
  DEIXIS_ASSIGN(const auto picture, internal::EncodePng(frame.image, internal::PngEffort::kFast));
  DEIXIS_ASSIGN(AtomicFile file, AtomicFile::Create(folder_ + "/" + name));
  DEIXIS_RETURN_IF_ERROR(file.Write(picture));
  DEIXIS_RETURN_IF_ERROR(file.CommitUnsynced());
  num_bytes_ += static_cast<int64_t>(picture.size());
  ++num_frames_;
  return AddLine(std::string(name) + "," + std::to_string(frame.id) + "," +
                 std::to_string(frame.captured_ms) + "," + std::to_string(seen_ms) + "," +
                 (asked ? "1" : "0") + TruthFields(frame.truth) + "\n");
}

Status RecordingWriter::AddNoSignal(int64_t seen_ms) {
  return AddLine(",,," + std::to_string(seen_ms) + ",0" + TruthFields(std::nullopt) + "\n");
}

Result<std::vector<RecordedStep>> ReadRecording(const std::string& folder) {
  const std::string path = folder + std::string(kTable);
  auto text = ReadTextFile(path, int64_t{1} << 30);
  if (!text.ok()) {
    if (text.error().code != ErrorCode::kNotFound) return std::move(text).error();
    return NotFound(folder + ": expected a recording, found no frames.csv in it",
                    "`deixis run --record FOLDER` makes one");
  }
  text->resize(text->rfind('\n') + 1);  // npos + 1 is 0
  auto table = ParseCsv(*text);
  if (!table.ok()) return std::move(table).error().WithContext(path);
  if (!text->starts_with(kHeader)) {
    return InvalidData(path + ": expected the columns of a recording, " +
                           std::string(kHeader.substr(0, kHeader.size() - 1)),
                       std::string(kCopyAgain));
  }
  while (!table->rows.empty()) {
    const std::string& file = table->rows.back().fields[kFile];
    if (!IsPictureName(file) || IsWholeFile(folder + "/" + file)) break;
    table->rows.pop_back();
  }
  std::vector<RecordedStep> steps;
  steps.reserve(table->rows.size());
  uint64_t last_id = 0;
  for (const CsvTable::Row& row : table->rows) {
    const std::string place = path + ": line " + std::to_string(row.line);
    auto step = ReadStep(row.fields, folder);
    if (!step.ok()) {
      return InvalidData(place + ": " + step.error().message, std::string(kCopyAgain));
    }
    if (!step->path.empty()) {
      if (step->id <= last_id) {
        return InvalidData(place + ": expected an id above " + std::to_string(last_id) +
                               ", found " + std::to_string(step->id),
                           std::string(kCopyAgain));
      }
      last_id = step->id;
      if (!IsWholeFile(step->path)) {
        return InvalidData(place + ": " + step->path + " is missing or empty",
                           std::string(kCopyAgain));
      }
    }
    steps.push_back(*std::move(step));
  }
  return steps;
}

}  // namespace deixis
