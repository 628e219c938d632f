// One stream of events for every page that is open: what happens is published once, and each reader
// gets it at its own pace, or is cut off.
//
// Events have ids and the latest are kept, so that a reader who lost its connection goes on where
// it was; a reader who was away for longer gets a snapshot of everything instead. Events of the
// moment (what the camera shows) have no id and are dropped for a reader who still has one waiting.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "studio/http/message.h"

namespace deixis::studio {

// Safe from any thread.
class EventBus {
 public:
  static constexpr size_t kKept = 1024;
  static constexpr size_t kMaxWaitingBytes = size_t{1} << 20;

  EventBus();
  ~EventBus();
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  // `type` is a single word. Nothing may be published from within OnMore callbacks.
  void Publish(std::string_view type, const Json& data);
  void PublishOfTheMoment(std::string_view type, const Json& data);
  bool has_readers() const;

  // From the event after `last_event_id` on if that is still kept; else `snapshot`, which is called
  // before anything later is taken, comes first.
  std::shared_ptr<EventReader> Subscribe(std::string_view last_event_id,
                                         const std::function<Json()>& snapshot);

  const std::string& boot() const { return boot_; }

 private:
  class Reader;
  struct Kept {
    uint64_t number;
    std::shared_ptr<const std::string> text;
  };
  struct Shared;
  std::string IdOf(uint64_t number) const;

  std::string boot_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace deixis::studio
