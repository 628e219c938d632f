// One connection, over TCP or TLS: reads a request, has it answered, writes the answer, and so on.
// All of it happens on the server's thread, but for handlers, which post their answers back to it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/descriptor.h"
#include "studio/http/dispatcher.h"
#include "studio/http/request_reader.h"
#include "studio/http/server.h"

namespace deixis::studio {

using Tcp = boost::asio::ip::tcp;
using Clock = std::chrono::steady_clock;

class ConnectionBase;

// What the connections of a server share.
struct ServerState {
  ServerOptions options;
  boost::asio::io_context io{1};
  boost::asio::thread_pool workers;
  const Dispatcher* dispatcher = nullptr;
  // Of the server's thread.
  std::unordered_set<ConnectionBase*> connections;
  int event_readers = 0;
  int64_t uploads = 0;
  // Seen from others.
  std::atomic<int> num_connections{0};
  std::atomic<int> num_event_readers{0};
  std::atomic<int64_t> buffered_bytes{0};

  explicit ServerState(const ServerOptions& given)
      : options(given), workers(static_cast<size_t>(given.num_workers)) {}
};

class ConnectionBase : public std::enable_shared_from_this<ConnectionBase> {
 public:
  virtual ~ConnectionBase();
  virtual void Start() = 0;
  virtual void Close() = 0;
  // Closes it if it is late; sends an event stream's sign of life. Called every second or so.
  void Sweep(Clock::time_point now);
  // Nothing of a request has come; the earlier the deadline, the longer.
  bool is_idle() const { return is_idle_; }
  bool has_answered() const { return requests_ > 1; }
  Clock::time_point deadline() const { return deadline_; }

 protected:
  explicit ConnectionBase(std::shared_ptr<ServerState> state, std::string peer);

  // From here on it has no place among the server's connections: its operations end one by one.
  void GiveUpPlace();

  // Of the stream; `done` is called with the bytes moved, 0 for an end or a failure.
  using Done = std::function<void(size_t)>;
  virtual void ReadSome(char* into, size_t room, Done done) = 0;
  virtual void Write(std::string_view bytes, Done done) = 0;  // all of it, or 0
  virtual void ShutDownSending() = 0;
  // A piece of an answer was taken: the next has its time again.
  void Progressed() { SetDeadline(state_->options.stalled_ms); }

  void BeginRequest();

 private:
  void Read();
  void Advance();
  void OnHead();
  void OnBody();
  void OnBodyWritten(bool ok);
  void OnRequest();
  void Refuse(const Problem& problem);
  void Respond(Response response);
  void SendBody();
  void SendFilePart();
  void OnSent();
  void Linger();
  void BeginEvents(std::shared_ptr<EventReader> reader);
  void PumpEvents();
  void WatchForEnd();
  void SetDeadline(int64_t ms) { deadline_ = Clock::now() + std::chrono::milliseconds(ms); }
  void DropUpload();
  void ReleaseBuffered();

 protected:
  std::shared_ptr<ServerState> state_;

 private:
  std::string peer_;
  Clock::time_point deadline_;
  std::string in_;
  std::string read_buffer_;
  std::unique_ptr<RequestReader> reader_;
  std::optional<Dispatcher::Admission> admission_;
  int64_t counted_bytes_ = 0;  // of ServerState::buffered_bytes
  Descriptor upload_;
  bool is_head_request_ = false;
  bool keep_alive_ = false;
  bool is_idle_ = true;
  int64_t requests_ = 0;

  std::string head_out_;
  Response out_;
  std::string part_;  // of a file that is being sent
  int64_t file_left_ = 0;
  int64_t lingered_bytes_ = 0;

  std::shared_ptr<EventReader> events_;
  std::string events_out_;
  bool is_writing_events_ = false;
  Clock::time_point last_event_;
};

template <typename Stream>
class Connection final : public ConnectionBase {
 public:
  template <typename... Arguments>
  Connection(std::shared_ptr<ServerState> state, std::string peer, Arguments&&... arguments)
      : ConnectionBase(std::move(state), std::move(peer)),
        stream_(std::forward<Arguments>(arguments)...) {}

  void Start() override;
  void Close() override;

 private:
  void ReadSome(char* into, size_t room, Done done) override;
  void Write(std::string_view bytes, Done done) override;
  void ShutDownSending() override;
  Tcp::socket& Socket();

  Stream stream_;
};

// Made and deleted on the server's thread, whoever holds the last reference.
template <typename Made, typename... Arguments>
std::shared_ptr<ConnectionBase> MakeConnection(std::shared_ptr<ServerState> state,
                                               Arguments&&... arguments) {
  auto* made = new Made(state, std::forward<Arguments>(arguments)...);
  return {made, [state](ConnectionBase* last) {
            boost::asio::post(state->io, [last, state] { delete last; });
          }};
}

using PlainConnection = Connection<Tcp::socket>;
using SecureConnection = Connection<boost::asio::ssl::stream<Tcp::socket>>;

extern template class Connection<Tcp::socket>;
extern template class Connection<boost::asio::ssl::stream<Tcp::socket>>;

}  // namespace deixis::studio
