#include "vision/camera/camera_uri.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace deixis::camera {
namespace {

constexpr std::string_view kExamples =
    "for instance v4l2:///dev/video0, /dev/video0?size=1280x720, http://HOST/stream.mjpg, "
    "rtsp://HOST/live, file://video.mp4, csi://0, folder://pictures or scene://seed=1";
constexpr std::string_view kSchemes[] = {"v4l2", "http", "https",  "rtsp",  "rtsps",
                                         "file", "csi",  "folder", "scene", "replay"};

template <typename Number>
std::optional<Number> Parsed(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> SplitText(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Status ReadParameters(std::string_view query, CameraUri& uri) {
  for (const std::string& part : SplitText(query, '&')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == part.size()) {
      return UsageError("camera \"" + uri.text + "\": expected NAME=VALUE, found \"" + part + "\"",
                        std::string(kExamples));
    }
    if (!uri.parameters.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
      return UsageError("camera \"" + uri.text + "\": " + part.substr(0, equals) +
                        " is given twice");
    }
  }
  return Ok();
}

}  // namespace

std::string InWords(double value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, written.ptr);
}

bool IsOnNetwork(std::string_view scheme) {
  return scheme == "http" || scheme == "https" || scheme == "rtsp" || scheme == "rtsps";
}

std::string WithoutSecrets(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || !IsOnNetwork(text.substr(0, colon))) {
    return std::string(text);
  }
  std::string shown(text.substr(0, colon + 3));
  std::string_view rest = text.substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    shown += "***";
    rest.remove_prefix(at);
  }
  const size_t hash = std::min(rest.find('#'), rest.size());
  const size_t question = rest.substr(0, hash).find('?');
  if (question != std::string_view::npos) {
    shown += std::string(rest.substr(0, question)) + "?***";
    rest.remove_prefix(hash);
  }
  return shown + std::string(rest);
}

Result<CameraUri> ParseCameraUri(const std::string& text) {
  CameraUri uri{.text = WithoutSecrets(text), .scheme = {}, .place = {}, .parameters = {}};
  std::string_view rest = text;
  const size_t colon = rest.find("://");
  if (rest.starts_with("/dev/")) {
    uri.scheme = "v4l2";
  } else if (colon != std::string_view::npos) {
    uri.scheme = rest.substr(0, colon);
    rest.remove_prefix(colon + 3);
  }
  if (std::ranges::find(kSchemes, uri.scheme) == std::end(kSchemes)) {
    return UsageError("camera \"" + uri.text +
                          "\": expected v4l2://, http://, rtsp://, file://, csi://, folder://, "
                          "scene:// or replay://",
                      std::string(kExamples));
  }
  const bool has_place = uri.scheme != "scene";
  const size_t mark = rest.find(IsOnNetwork(uri.scheme) ? '#' : '?');
  if (has_place) {
    uri.place = rest.substr(0, mark);
    if (uri.place.empty()) {
      return UsageError("camera \"" + uri.text + "\": names no " +
                            (uri.scheme == "folder" || uri.scheme == "file" ? uri.scheme
                             : uri.scheme == "replay"                       ? "folder"
                             : IsOnNetwork(uri.scheme)                      ? "host"
                                                                            : "device"),
                        std::string(kExamples));
    }
    if (IsOnNetwork(uri.scheme)) uri.place = uri.scheme + "://" + uri.place;
  }
  std::string_view query = rest;
  if (mark != std::string_view::npos) {
    query.remove_prefix(mark + 1);
  } else if (has_place) {
    query = {};
  }
  if (!query.empty()) DEIXIS_RETURN_IF_ERROR(ReadParameters(query, uri));
  return uri;
}

const std::string* ParameterReader::Find(std::string_view name) {
  known_.emplace_back(name);
  const auto found = uri_.parameters.find(name);
  return found == uri_.parameters.end() || error_ ? nullptr : &found->second;
}

void ParameterReader::Refuse(std::string_view name, const std::string& expected,
                             const std::string& found) {
  error_ = UsageError("camera \"" + uri_.text + "\": " + std::string(name) + ": expected " +
                      expected + ", found \"" + found + "\"");
}

double ParameterReader::Number(std::string_view name, double otherwise, Range range) {
  const std::string* text = Find(name);
  if (text == nullptr) return otherwise;
  const auto value = Parsed<double>(*text);
  if (value && *value >= range.least && *value <= range.most) return *value;
  Refuse(name, "a number from " + InWords(range.least) + " to " + InWords(range.most), *text);
  return otherwise;
}

uint64_t ParameterReader::Seed(std::string_view name, uint64_t otherwise) {
  const std::string* text = Find(name);
  if (text == nullptr) return otherwise;
  const auto value = Parsed<uint64_t>(*text);
  if (value) return *value;
  Refuse(name, "a whole number", *text);
  return otherwise;
}

ParameterReader::Size ParameterReader::PictureSize(std::string_view name, Size otherwise) {
  const std::string* text = Find(name);
  if (text == nullptr) return otherwise;
  const std::vector<std::string> sides = SplitText(*text, 'x');
  const auto is_side = [](const std::optional<int64_t>& side) {
    return side && *side >= 16 && *side <= 8192;
  };
  if (sides.size() == 2) {
    const auto width_px = Parsed<int64_t>(sides[0]);
    const auto height_px = Parsed<int64_t>(sides[1]);
    if (is_side(width_px) && is_side(height_px)) return {*width_px, *height_px};
  }
  Refuse(name, "WIDTHxHEIGHT with 16 to 8192 pixels a side", *text);
  return otherwise;
}

std::string ParameterReader::Choice(std::string_view name,
                                    const std::vector<std::string>& choices) {
  const std::string* text = Find(name);
  if (text == nullptr) return choices.front();
  if (std::ranges::find(choices, *text) != choices.end()) return *text;
  Refuse(name, "one of " + Joined(choices), *text);
  return choices.front();
}

std::vector<std::string> ParameterReader::Words(std::string_view name) {
  const std::string* text = Find(name);
  return text == nullptr ? std::vector<std::string>() : SplitText(*text, ',');
}

Status ParameterReader::Finish() {
  if (error_) return *error_;
  for (const auto& [name, value] : uri_.parameters) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    return UsageError(
        "camera \"" + uri_.text + "\": " + uri_.scheme + " has no parameter \"" + name + "\"",
        "it takes " + Joined(known_));
  }
  return Ok();
}

}  // namespace deixis::camera
