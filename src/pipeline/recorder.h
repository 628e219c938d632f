// Keeps a session as it was seen (vision/camera/recording.h), so that replay://FOLDER decides the
// same again. A thread of its own writes; what the decision needs is never left out: a disk that is
// too slow slows the session down.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "pipeline/pointing_session.h"
#include "vision/camera/recording.h"

namespace deixis {

struct RecorderOptions {
  int64_t max_bytes = 2'000'000'000;     // of the recording
  int64_t min_free_bytes = 200'000'000;  // that stay free on the disk

  // kUsage names the option that is out of range.
  Status Validate() const;
};

struct RecorderTotals {
  int64_t frames = 0;
  int64_t bytes = 0;
};

class Recorder {
 public:
  // The options must be valid. kResources when there is no room on the disk; otherwise the errors
  // of RecordingWriter::Create().
  static Result<std::unique_ptr<Recorder>> Start(const std::string& folder,
                                                 const RecorderOptions& options = {});
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Every step of the session, in order, by one thread. Waits while 16 frames wait to be written.
  void Add(const SessionStep& step);
  // Waits until all has been written. Nothing may be added any more.
  void Finish();

  // Why the recording has ended before the session, if it has: it is full, or so is the disk.
  Status Problem() const;
  RecorderTotals totals() const;

 private:
  struct Entry {
    std::shared_ptr<const Frame> frame;  // none: no signal
    int64_t seen_ms = 0;
    bool asked = false;
  };

  Recorder(std::string folder, RecordingWriter writer, const RecorderOptions& options);
  void Run();
  Status Write(const Entry& entry);

  const std::string folder_;
  const RecorderOptions options_;
  RecordingWriter writer_;    // the thread's alone
  bool asked_ = false;        // Add()'s alone: the next frame comes after the wearer asked
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Entry> entries_;
  bool shall_end_ = false;
  Status problem_;
  RecorderTotals totals_;
  std::thread thread_;
};

}  // namespace deixis
