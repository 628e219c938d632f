#include "studio/event_bus.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "studio/http/access.h"

namespace deixis::studio {

struct EventBus::Shared {
  std::mutex mutex;
  uint64_t last_number = 0;
  std::deque<Kept> kept;
  std::set<Reader*> readers;
};

class EventBus::Reader final : public EventReader {
 public:
  explicit Reader(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~Reader() override {
    const std::lock_guard lock(shared_->mutex);
    shared_->readers.erase(this);
  }

  std::string Take() override {
    const std::lock_guard lock(shared_->mutex);
    std::string text = std::exchange(waiting_, {});
    text += std::exchange(of_the_moment_, {});
    return text;
  }

  bool has_overflowed() const override {
    const std::lock_guard lock(shared_->mutex);
    return overflowed_;
  }

  void OnMore(std::function<void()> callback) override {
    const std::lock_guard lock(shared_->mutex);
    callback_ = std::move(callback);
  }

  // The rest is called with the mutex held.
  void Add(const std::string& text) {
    if (overflowed_) return;
    waiting_ += text;
    if (waiting_.size() > kMaxWaitingBytes) {
      overflowed_ = true;
      waiting_ = {};
      of_the_moment_ = {};
    }
    if (callback_) callback_();
  }
  void AddOfTheMoment(const std::string& text) {
    if (overflowed_) return;
    // The latest wins; what was not taken in time is of no use to anybody.
    of_the_moment_ = text;
    if (callback_) callback_();
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::string waiting_;
  std::string of_the_moment_;
  bool overflowed_ = false;
  std::function<void()> callback_;
};

namespace {

std::string EventText(std::string_view type, const std::string& id, const Json& data) {
  // JSON on one line holds no line break, so it is one "data:" line.
  std::string text = id.empty() ? std::string() : "id: " + id + "\n";
  text += "event: " + std::string(type) + "\ndata: ";
  text += data.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
  return text;
}

}  // namespace

EventBus::EventBus() : boot_(RandomToken().substr(0, 12)), shared_(std::make_shared<Shared>()) {}
EventBus::~EventBus() = default;

std::string EventBus::IdOf(uint64_t number) const { return boot_ + "-" + std::to_string(number); }

void EventBus::Publish(std::string_view type, const Json& data) {
  const std::lock_guard lock(shared_->mutex);
  const uint64_t number = ++shared_->last_number;
  auto text = std::make_shared<const std::string>(EventText(type, IdOf(number), data));
  for (Reader* reader : shared_->readers) reader->Add(*text);
  shared_->kept.push_back({number, std::move(text)});
  if (shared_->kept.size() > kKept) shared_->kept.pop_front();
}

void EventBus::PublishOfTheMoment(std::string_view type, const Json& data) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->readers.empty()) return;
  const std::string text = EventText(type, {}, data);
  for (Reader* reader : shared_->readers) reader->AddOfTheMoment(text);
}

bool EventBus::has_readers() const {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->readers.empty();
}

std::shared_ptr<EventReader> EventBus::Subscribe(std::string_view last_event_id,
                                                 const std::function<Json()>& snapshot) {
  auto reader = std::make_shared<Reader>(shared_);
  const std::string prefix = boot_ + "-";
  if (last_event_id.starts_with(prefix)) {
    const std::string_view digits = last_event_id.substr(prefix.size());
    uint64_t seen = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seen);
    const std::lock_guard lock(shared_->mutex);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size();
    const uint64_t first_kept = shared_->last_number - shared_->kept.size() + 1;
    if (is_number && seen <= shared_->last_number && seen + 1 >= first_kept) {
      for (const Kept& kept : shared_->kept) {
        if (kept.number > seen) reader->Add(*kept.text);
      }
      shared_->readers.insert(reader.get());
      return reader;
    }
  }
  // What happens while the snapshot is taken is sent after it: later states come last, and saying
  // one twice does no harm. The snapshot's own id is that of what came before it.
  uint64_t number = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    number = shared_->last_number;
  }
  const std::string text = EventText("snapshot", IdOf(number), snapshot());
  const std::lock_guard lock(shared_->mutex);
  reader->Add(text);
  for (const Kept& kept : shared_->kept) {
    if (kept.number > number) reader->Add(*kept.text);
  }
  shared_->readers.insert(reader.get());
  return reader;
}

}  // namespace deixis::studio
