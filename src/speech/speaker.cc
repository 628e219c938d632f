#include "speech/speaker.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "speech/alsa.h"
#include "speech/audio_out.h"

namespace deixis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kBlockFrames = kMixRateHz / 50;
constexpr auto kBlockTime = std::chrono::milliseconds(20);
constexpr auto kAhead = std::chrono::milliseconds(200);
constexpr auto kReopenAfter = std::chrono::seconds(1);
constexpr auto kPatience = std::chrono::seconds(2);

// A mixer behind a lock.
class MixingSpeaker : public Speaker {
 public:
  void Say(Sound utterance) override {
    const std::lock_guard lock(mutex_);
    mixer_.Say(std::move(utterance));
  }
  void Play(Sound earcon) override {
    const std::lock_guard lock(mutex_);
    mixer_.Play(std::move(earcon));
  }
  void SetVolume(double volume) override {
    const std::lock_guard lock(mutex_);
    mixer_.SetVolume(volume);
  }

 protected:
  mutable std::mutex mutex_;  // guards the mixer, and what derived classes say
  Mixer mixer_;
};

class FileSpeaker final : public MixingSpeaker {
 public:
  explicit FileSpeaker(std::string path) : path_(std::move(path)) {}

  void Advance(int64_t now_ms) override {
    const std::lock_guard lock(mutex_);
    if (!begin_ms_) begin_ms_ = now_ms;
    const int64_t until_ms = std::min(now_ms - *begin_ms_, kMaxRecordedMs);
    RenderUntil(until_ms * kMixRateHz / 1000);
  }

  Status Finish() override {
    const std::lock_guard lock(mutex_);
    while (!mixer_.is_idle() && recording_.duration_ms() < kMaxRecordedMs) {
      RenderUntil(recording_.num_frames() + kBlockFrames);
    }
    return WriteWav(path_, recording_);
  }
  Status Problem() const override { return Ok(); }

 private:
  void RenderUntil(int64_t frame) {
    const int64_t begin = recording_.num_frames();
    if (frame <= begin) return;
    recording_.samples.resize(static_cast<size_t>(frame * kMixChannels));
    mixer_.Render(std::span(recording_.samples).subspan(static_cast<size_t>(begin * kMixChannels)));
  }

  std::string path_;
  // Guarded by mutex_.
  std::optional<int64_t> begin_ms_;
  Sound recording_{.sample_rate_hz = kMixRateHz, .num_channels = kMixChannels, .samples = {}};
};

class AlsaSpeaker final : public MixingSpeaker {
 public:
  AlsaSpeaker(std::string uri, std::string name)
      : uri_(std::move(uri)), name_(std::move(name)), thread_([this] { Work(); }) {}
  ~AlsaSpeaker() override { Stop(); }

  void Advance(int64_t) override {}

  Status Finish() override {
    const auto deadline = Clock::now() + std::chrono::seconds(60) + kPatience;
    while (Clock::now() < deadline) {
      {
        const std::lock_guard lock(mutex_);
        if (mixer_.is_idle() || !problem_.ok()) break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    Stop();
    const std::lock_guard lock(mutex_);
    return problem_;
  }

  Status Problem() const override {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void Work() {
    while (true) {
      auto opened = Pcm::Open(uri_, name_, kMixChannels, kMixRateHz);
      Status status = Ok();
      if (opened.ok()) {
        SetProblem(Ok());
        status = Stream(**opened);
        if (status.ok()) return;  // asked to stop
      } else {
        status = std::move(opened).error();
      }
      SetProblem(std::move(status));
      // What ALSA read about the cards that were there would hide one that has come since.
      snd_config_update_free_global();
      std::unique_lock lock(mutex_);
      // Nobody will want to hear later what was true now.
      mixer_.Silence();
      if (wake_.wait_for(lock, kReopenAfter, [&] { return stopping_; })) return;
    }
  }

  void SetProblem(Status problem) {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
  }

  // Until it is asked to stop (Ok, all that was rendered having been heard) or the device fails.
  Status Stream(const Pcm& pcm) {
    std::vector<int16_t> block(static_cast<size_t>(kBlockFrames * kMixChannels));
    auto heard = Clock::now();  // when the block before this one will have been
    while (true) {
      // A device without a clock of its own, ALSA's null device for one, takes all at once.
      heard = std::max(heard + kBlockTime, Clock::now());
      std::this_thread::sleep_until(heard - kAhead);
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) break;
        mixer_.Render(block);
      }
      DEIXIS_RETURN_IF_ERROR(Write(pcm, block));
    }
    const auto deadline = Clock::now() + kPatience;
    while (snd_pcm_drain(pcm.get()) == -EAGAIN && Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return Ok();
  }

  Status Write(const Pcm& pcm, std::span<const int16_t> block) {
    const auto deadline = Clock::now() + kPatience;
    while (!block.empty()) {
      const auto frames = static_cast<snd_pcm_uframes_t>(block.size() / kMixChannels);
      const snd_pcm_sframes_t written = snd_pcm_writei(pcm.get(), block.data(), frames);
      if (written > 0) {
        block = block.subspan(static_cast<size_t>(written * kMixChannels));
      } else if (Clock::now() >= deadline) {
        return AlsaStuck(uri_);
      } else if (written == -EAGAIN || written == 0) {
        snd_pcm_wait(pcm.get(), 100);
      } else if (const int recovered = snd_pcm_recover(pcm.get(), static_cast<int>(written), 1);
                 recovered < 0) {
        return AlsaError(uri_, "playing failed", recovered);
      }
    }
    return Ok();
  }

  std::string uri_;
  std::string name_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  Status problem_ = Ok();
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the others
};

}  // namespace

Result<std::unique_ptr<Speaker>> OpenSpeaker(const std::string& uri) {
  if (uri.starts_with(kFilePrefix) && uri.size() > kFilePrefix.size()) {
    return std::unique_ptr<Speaker>(std::make_unique<FileSpeaker>(uri.substr(kFilePrefix.size())));
  }
  if (uri.starts_with(kAlsaPrefix) && uri.size() > kAlsaPrefix.size()) {
    return std::unique_ptr<Speaker>(
        std::make_unique<AlsaSpeaker>(uri, uri.substr(kAlsaPrefix.size())));
  }
  return UsageError("audio \"" + uri + "\": expected alsa:NAME or file:PATH",
                    "for instance alsa:default or file:out.wav");
}

}  // namespace deixis
