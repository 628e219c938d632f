// HTTP/1.1 for many at once: one thread owns every socket and never waits for any of them; a few
// worker threads run the handlers. What a connection costs is its buffers, so a thousand idle or
// stalled ones take memory and nothing else, and a slow client holds no thread.
//
// Deadlines bound everything a client may be slow at: sending the head, each further piece of a
// body, taking each further piece of an answer. A connection that misses its deadline is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "studio/http/dispatcher.h"

namespace deixis::studio {

struct ServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;                       // 0: any that is free
  std::string certificate_path = {};  // PEM, with its chain; both or neither
  std::string key_path = {};
  std::string upload_folder = {};  // where bodies go that go to files
  int num_workers = 4;
  int max_connections = 1024;
  int max_event_readers = 64;
  int64_t max_buffered_bytes = int64_t{256} << 20;  // of all bodies in memory together
  int64_t head_ms = 10'000;
  int64_t stalled_ms = 30'000;     // without a byte of a body, or of an answer that is taken
  int64_t idle_ms = 75'000;        // between two requests of a connection
  int64_t keep_alive_ms = 15'000;  // between two signs of life of an event stream
};

class Server {
 public:
  // Listens, but answers nobody before Start(). kUsage for an address that is none, kBusy for one
  // that is taken, kNotFound and kInvalidData for a certificate or key that cannot be used.
  static Result<std::unique_ptr<Server>> Listen(const ServerOptions& options);
  ~Server();  // closes every connection and waits for handlers that run

  int port() const;
  // `dispatcher` must outlive the server.
  void Start(const Dispatcher* dispatcher);

  struct Load {
    int connections = 0;
    int event_readers = 0;
  };
  Load LoadNow() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace deixis::studio
