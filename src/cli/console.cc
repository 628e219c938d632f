#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "cli/arguments.h"
#include "cli/progress_form.h"
#include "format/printable.h"

namespace deixis::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBarInterval = std::chrono::milliseconds(80);
constexpr auto kLineInterval = std::chrono::seconds(5);
// A remaining time that is guessed from less than this is noise.
constexpr auto kLeastForEta = std::chrono::milliseconds(1500);
constexpr int kBarColumns = 24;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// "━━━━━━━━╌╌╌╌".
std::string Bar(double fraction) {
  const int filled = std::clamp(static_cast<int>(fraction * kBarColumns + 0.5), 0, kBarColumns);
  std::string bar;
  for (int i = 0; i < kBarColumns; ++i) bar += i < filled ? "━" : "╌";
  return bar;
}

// Text from a file name or a tensor name may hold anything; what goes to a terminal must not. Line
// breaks of our own are kept.
std::string PrintableLines(std::string_view text) {
  std::string out;
  for (const std::string_view line : Split(text, '\n')) {
    if (!out.empty()) out += "\n  ";
    out += Printable(line);
  }
  return out;
}

// Indented like dump(2), but an array of plain values (a shape, a mean) stays on one line.
void AppendPretty(const Json& value, const std::string& margin, std::string& out) {
  const auto plain = [](const Json& item) { return !item.is_structured(); };
  if (plain(value) || value.empty() ||
      (value.is_array() && std::all_of(value.begin(), value.end(), plain))) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (!value.is_array()) {
      out += text;
      return;
    }
    out += "[";
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      out += value[i].dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    out += "]";
    return;
  }
  const std::string inner = margin + "  ";
  out += value.is_array() ? "[" : "{";
  bool first = true;
  for (const auto& item : value.items()) {
    out += (first ? "\n" : ",\n") + inner;
    first = false;
    if (value.is_object()) {
      out += Json(item.key()).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    }
    AppendPretty(item.value(), inner, out);
  }
  out += "\n" + margin + (value.is_array() ? "]" : "}");
}

std::string Dump(const Json& document) {
  std::string text;
  AppendPretty(document, "", text);
  return text + "\n";
}

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kInvalidData:
      return "invalid_data";
    case ErrorCode::kDeviceUnavailable:
      return "device_unavailable";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kAuthentication:
      return "authentication";
    case ErrorCode::kQualityMissed:
      return "quality_missed";
    case ErrorCode::kResources:
      return "resources";
    case ErrorCode::kInterrupted:
      return "interrupted";
  }
  return "internal";
}

namespace {

Json ErrorFields(const Error& error) {
  return Json{{"code", static_cast<int>(error.code)},
              {"name", ErrorCodeName(error.code)},
              {"message", error.message},
              {"remedy", error.remedy}};
}

}  // namespace

double ShortestDouble(float value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  double result = value;
  std::from_chars(buffer, end, result);
  return result;
}

Json ErrorDocument(const Error& error) {
  return Json{{"schema", kJsonSchema}, {"error", ErrorFields(error)}};
}

Status WriteToDescriptor(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return ResourceError(std::string("cannot write the result: ") + std::strerror(errno));
    }
  }
  return Ok();
}

void Console::SetResult(std::string_view command, Json result) {
  Json document{{"schema", kJsonSchema}, {"command", command}};
  document.update(result);
  result_ = std::move(document);
}

void Console::Warn(const std::string& message) {
  EndProgress();
  const Style style(options_.styled_errors);
  // stderr is all there is to say it on: when it fails, there is nobody to tell.
  (void)WriteToDescriptor(
      STDERR_FILENO, "deixis: " + style.Yellow("warning:") + " " + PrintableLines(message) + "\n");
}

namespace {

void WriteProgressLine(std::string_view task, double share, const std::string& detail) {
  const Json line{{"schema", kJsonSchema},
                  {"event", "progress"},
                  {"task", task},
                  {"share", std::clamp(share, 0.0, 1.0)},
                  {"detail", detail}};
  (void)WriteToDescriptor(STDERR_FILENO,
                          line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

void Console::Progress(std::string_view task, int64_t done, int64_t total) {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  ShowProgress(task, share, FormatInteger(done) + "/" + FormatInteger(total));
}

void Console::ProgressShare(std::string_view task, double share, std::string_view detail) {
  ShowProgress(task, share, std::string(detail));
}

void Console::ShowProgress(std::string_view task, double share, const std::string& detail) {
  if (options_.quiet) return;
  if (ProgressIsJson()) {
    const auto now = Clock::now();
    if (task == task_ && now - last_shown_ < kBarInterval) return;
    task_ = task;
    last_shown_ = now;
    return WriteProgressLine(task, share, detail);
  }
  const bool moves = options_.styled_errors;
  const auto now = Clock::now();
  if (task != task_) {
    EndProgress();
    task_ = task;
    task_start_ = now;
    // Where every line stays, short tasks say nothing.
    last_shown_ = moves ? Clock::time_point() : now;
  }
  if (now - last_shown_ < (moves ? Clock::duration(kBarInterval) : kLineInterval)) return;
  last_shown_ = now;

  share = std::clamp(share, 0.0, 1.0);
  std::string left;
  const auto elapsed = now - task_start_;
  if (share > 0 && share < 1 && elapsed >= kLeastForEta) {
    left = "  " + FormatDuration(Seconds(elapsed) * (1 - share) / share) + " left";
  }
  std::string line = PrintableLines(task_);
  const std::string percent = "  " + FormatFixed(share * 100, 0) + " %";
  const std::string rest = percent + (detail.empty() ? "" : "  " + PrintableLines(detail)) + left;
  if (!moves) {
    (void)WriteToDescriptor(STDERR_FILENO, "deixis: " + line + rest + "\n");
    return;
  }
  const int room = options_.error_columns - DisplayWidth(line) - DisplayWidth(rest) - 3;
  if (room >= kBarColumns) line += "  " + Bar(share);
  line += rest;
  // A line that wraps could not be taken back.
  if (DisplayWidth(line) >= options_.error_columns) line = PrintableLines(task_) + percent;
  (void)WriteToDescriptor(STDERR_FILENO, "\r\x1b[K" + line);
  bar_is_shown_ = true;
}

void Console::EndProgress() {
  if (bar_is_shown_) (void)WriteToDescriptor(STDERR_FILENO, "\r\x1b[K");
  bar_is_shown_ = false;
  task_.clear();
}

int Console::ExitCode(const Status& status) const {
  return status.ok() ? 0 : static_cast<int>(status.error().code);
}

int Console::Finish(const Status& status) {
  EndProgress();
  std::string out;
  if (options_.json) {
    if (!status.ok()) {
      if (result_.has_value()) {
        (*result_)["error"] = ErrorFields(status.error());
      } else {
        result_ = ErrorDocument(status.error());
      }
    }
    if (result_.has_value()) out = Dump(*result_);
  } else {
    out = text_;
  }
  int exit_code = ExitCode(status);
  const Style style(options_.styled_errors);
  const auto report = [&](const Error& error) {
    std::string text =
        "deixis: " + style.Red("error:") + " " + PrintableLines(error.message) + "\n";
    if (!error.remedy.empty()) text += "  " + PrintableLines(error.remedy) + "\n";
    (void)WriteToDescriptor(STDERR_FILENO, text);
  };
  if (const Status written = WriteToDescriptor(STDOUT_FILENO, out); !written.ok()) {
    // `deixis ... | head` has what it wanted.
    if (errno == EPIPE) return exit_code;
    report(written.error());
    return static_cast<int>(ErrorCode::kResources);
  }
  if (!status.ok() && !options_.json) report(status.error());
  return exit_code;
}

}  // namespace deixis::cli
