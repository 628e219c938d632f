#include "pipeline/recorder.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace deixis {
namespace {

constexpr size_t kMaxEntries = 16;

std::string Megabytes(int64_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

// -1 when it cannot be told.
int64_t FreeBytes(const std::string& folder) {
  std::error_code failure;
  const auto space = std::filesystem::space(folder, failure);
  return failure ? -1 : static_cast<int64_t>(space.available);
}

Status CheckRoom(const std::string& folder, int64_t min_free_bytes) {
  const int64_t free_bytes = FreeBytes(folder);
  if (free_bytes < 0 || free_bytes >= min_free_bytes) return Ok();
  return ResourceError(folder + ": expected at least " + Megabytes(min_free_bytes) +
                           " free on its disk, found " + Megabytes(free_bytes),
                       "free space, or record to another disk");
}

}  // namespace

Status RecorderOptions::Validate() const {
  if (max_bytes < 1'000'000) {
    return UsageError("recording: expected a limit of at least 1 MB, found " +
                          std::to_string(max_bytes) + " bytes",
                      "for example: --record-limit 500MB");
  }
  if (min_free_bytes < 0) {
    return UsageError("recording: min_free_bytes: expected 0 or more, found " +
                      std::to_string(min_free_bytes));
  }
  return Ok();
}

Result<std::unique_ptr<Recorder>> Recorder::Start(const std::string& folder,
                                                  const RecorderOptions& options) {
  DEIXIS_ASSIGN(RecordingWriter writer, RecordingWriter::Create(folder));
  DEIXIS_RETURN_IF_ERROR(CheckRoom(folder, options.min_free_bytes));
  return std::unique_ptr<Recorder>(new Recorder(folder, std::move(writer), options));
}

Recorder::Recorder(std::string folder, RecordingWriter writer, const RecorderOptions& options)
    : folder_(std::move(folder)), options_(options), writer_(std::move(writer)) {
  thread_ = std::thread([this] { Run(); });
}

Recorder::~Recorder() { Finish(); }

void Recorder::Add(const SessionStep& step) {
  asked_ = asked_ || step.asked;
  Entry entry{.frame = step.frame, .seen_ms = step.look.seen.now_ms, .asked = false};
  if (step.frame != nullptr) {
    entry.asked = std::exchange(asked_, false);
  } else {
    if (step.camera != CameraState::kNoSignal) return;
    // A camera that is lost makes the decision forget that it was asked.
    if (!step.events.empty()) asked_ = false;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return entries_.size() < kMaxEntries || !problem_.ok(); });
  if (!problem_.ok()) return;
  entries_.push_back(std::move(entry));
  changed_.notify_all();
}

void Recorder::Finish() {
  {
    const std::lock_guard lock(mutex_);
    shall_end_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Recorder::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

RecorderTotals Recorder::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

Status Recorder::Write(const Entry& entry) {
  if (writer_.num_bytes() >= options_.max_bytes) {
    return ResourceError(
        folder_ + ": the recording has reached its limit of " + Megabytes(options_.max_bytes),
        "a larger one is set with --record-limit");
  }
  DEIXIS_RETURN_IF_ERROR(CheckRoom(folder_, options_.min_free_bytes));
  return entry.frame == nullptr ? writer_.AddNoSignal(entry.seen_ms)
                                : writer_.AddFrame(*entry.frame, entry.seen_ms, entry.asked);
}

void Recorder::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !entries_.empty() || shall_end_; });
    if (entries_.empty()) return;
    const Entry entry = std::move(entries_.front());
    lock.unlock();
    Status written = Write(entry);
    lock.lock();
    entries_.pop_front();
    totals_ = {.frames = writer_.num_frames(), .bytes = writer_.num_bytes()};
    if (!written.ok()) {
      problem_ = std::move(written);
      entries_.clear();
    }
    changed_.notify_all();
    if (!problem_.ok()) return;
  }
}

}  // namespace deixis
