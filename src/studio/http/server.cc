#include "studio/http/server.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <vector>

#include "studio/http/connection.h"

namespace deixis::studio {

namespace asio = boost::asio;
using AsioError = boost::system::error_code;

namespace {

constexpr auto kSweepEvery = std::chrono::milliseconds(500);
constexpr auto kPauseWhenFull = std::chrono::milliseconds(100);

// Sent to those who are one too many, without looking at what they ask.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

Error ListenError(const ServerOptions& options, const AsioError& error) {
  const std::string where = options.address + ":" + std::to_string(options.port);
  if (error == asio::error::address_in_use) {
    return {ErrorCode::kBusy, where + " is taken by another program",
            "use --listen with another port, or :0 for any that is free"};
  }
  return {error == asio::error::access_denied ? ErrorCode::kAuthentication
                                              : ErrorCode::kDeviceUnavailable,
          where + ": " + error.message(), "use --listen with an address of this machine"};
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const ServerOptions& options)
      : state_(std::make_shared<ServerState>(options)),
        acceptor_(state_->io),
        sweep_timer_(state_->io),
        accept_timer_(state_->io) {}

  ~Impl() {
    asio::post(state_->io, [this] {
      is_ending_ = true;
      AsioError ignored;
      acceptor_.close(ignored);
      sweep_timer_.cancel();
      accept_timer_.cancel();
      CloseAll();
    });
    // Handlers that run still post their answers; nobody is there to take them.
    if (thread_.joinable()) thread_.join();
    state_->workers.stop();
    state_->workers.join();
    state_->io.restart();
    state_->io.poll();
  }

  Status Open() {
    const ServerOptions& options = state_->options;
    AsioError error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return UsageError("\"" + options.address + "\" is no address",
                        "for instance --listen 127.0.0.1:8480, or --listen [::1]:8480");
    }
    DEIXIS_RETURN_IF_ERROR(LoadCertificate());
    const Tcp::endpoint endpoint(address, static_cast<unsigned short>(options.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(1024, error);
    if (error) return ListenError(options, error);
    port_ = acceptor_.local_endpoint(error).port();
    return Ok();
  }

  void Start(const Dispatcher* dispatcher) {
    state_->dispatcher = dispatcher;
    Accept();
    Sweep();
    thread_ = std::thread([this] { state_->io.run(); });
  }

  int port() const { return port_; }
  const ServerState& state() const { return *state_; }

 private:
  Status LoadCertificate() {
    const ServerOptions& options = state_->options;
    if (options.certificate_path.empty()) return Ok();
    tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    AsioError error;
    tls_->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1 |
                          asio::ssl::context::default_workarounds,
                      error);
    tls_->use_certificate_chain_file(options.certificate_path, error);
    if (error) {
      return InvalidData(options.certificate_path + ": no certificate: " + error.message(),
                         "--certificate takes a PEM file, the certificate first, then its chain");
    }
    tls_->use_private_key_file(options.key_path, asio::ssl::context::pem, error);
    if (error) {
      return InvalidData(options.key_path + ": no key of that certificate: " + error.message(),
                         "--key takes the PEM file of the certificate's private key");
    }
    return Ok();
  }

  void Accept() {
    acceptor_.async_accept([this](const AsioError& error, Tcp::socket socket) {
      if (is_ending_) return;
      if (error) {
        // Out of descriptors, mostly: those that are there must first end.
        accept_timer_.expires_after(kPauseWhenFull);
        accept_timer_.async_wait([this](const AsioError&) {
          if (!is_ending_) Accept();
        });
        return;
      }
      Take(std::move(socket));
      Accept();
    });
  }

  void Take(Tcp::socket socket) {
    AsioError ignored;
    const auto peer = socket.remote_endpoint(ignored).address().to_string();
    const auto most = static_cast<size_t>(state_->options.max_connections);
    if (state_->connections.size() >= most) CloseLongestIdle();
    if (state_->connections.size() >= most) {
      // Best effort: a fresh socket has room for so little.
      socket.non_blocking(true, ignored);
      socket.send(asio::buffer(kFull.data(), kFull.size()), 0, ignored);
      return;
    }
    std::shared_ptr<ConnectionBase> connection;
    if (tls_ == nullptr) {
      connection = MakeConnection<PlainConnection>(state_, peer, std::move(socket));
    } else {
      connection = MakeConnection<SecureConnection>(state_, peer, std::move(socket), *tls_);
    }
    connection->Start();
  }

  // Who waits between two requests can connect again; who wants in now could not.
  void CloseLongestIdle() {
    ConnectionBase* longest = nullptr;
    for (ConnectionBase* connection : state_->connections) {
      if (!connection->is_idle() || !connection->has_answered()) continue;
      if (longest == nullptr || connection->deadline() < longest->deadline()) longest = connection;
    }
    if (longest != nullptr) longest->Close();
  }

  void Sweep() {
    sweep_timer_.expires_after(kSweepEvery);
    sweep_timer_.async_wait([this](const AsioError& error) {
      if (error || is_ending_) return;
      // A connection that is closed goes when its operations have come back, later.
      const auto now = Clock::now();
      const std::vector<ConnectionBase*> all(state_->connections.begin(),
                                             state_->connections.end());
      for (ConnectionBase* connection : all) connection->Sweep(now);
      Sweep();
    });
  }

  void CloseAll() {
    const std::vector<ConnectionBase*> all(state_->connections.begin(), state_->connections.end());
    for (ConnectionBase* connection : all) connection->Close();
  }

  std::shared_ptr<ServerState> state_;
  Tcp::acceptor acceptor_;
  asio::steady_timer sweep_timer_;
  asio::steady_timer accept_timer_;
  std::unique_ptr<asio::ssl::context> tls_;
  std::thread thread_;
  int port_ = 0;
  bool is_ending_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Listen(const ServerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  DEIXIS_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port(); }

void Server::Start(const Dispatcher* dispatcher) { impl_->Start(dispatcher); }

Server::Load Server::LoadNow() const {
  return {.connections = impl_->state().num_connections,
          .event_readers = impl_->state().num_event_readers};
}

}  // namespace deixis::studio
