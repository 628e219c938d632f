#include "studio/http/connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <type_traits>

namespace deixis::studio {
namespace {

namespace asio = boost::asio;
using AsioError = boost::system::error_code;

constexpr size_t kReadBytes = 64 * 1024;
constexpr int64_t kFilePartBytes = 256 * 1024;
// A refused body is read away so that its sender gets to see why, up to here.
constexpr int64_t kMaxLingerBytes = int64_t{8} << 20;
constexpr int64_t kLingerMs = 2000;

const char* ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

int64_t BodyBytes(const Response& response) {
  return std::visit(
      [](const auto& body) -> int64_t {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, FileBody>) {
          return body.bytes;
        } else if constexpr (std::is_same_v<Body, std::shared_ptr<const Bytes>>) {
          return static_cast<int64_t>(body->size());
        } else if constexpr (std::is_same_v<Body, std::shared_ptr<EventReader>>) {
          return 0;
        } else {
          return static_cast<int64_t>(body.size());
        }
      },
      response.body);
}

// No value may begin another header.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string HeadText(const Response& response, bool keep_alive) {
  std::string text =
      "HTTP/1.1 " + std::to_string(response.status) + " " + ReasonOf(response.status) + "\r\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + OneLine(value) + "\r\n";
  const bool is_endless = std::holds_alternative<std::shared_ptr<EventReader>>(response.body);
  if (!is_endless && response.status != 204 && response.status != 304) {
    text += "Content-Length: " + std::to_string(BodyBytes(response)) + "\r\n";
  }
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

Problem Overloaded(std::string detail) {
  return {.status = 503,
          .type = "too-many",
          .title = "Too much at once",
          .detail = std::move(detail),
          .remedy = "Close other windows of the studio, or try again in a moment.",
          .code = ErrorCode::kBusy,
          .headers = {{"Retry-After", "2"}}};
}

}  // namespace

ConnectionBase::ConnectionBase(std::shared_ptr<ServerState> state, std::string peer)
    : state_(std::move(state)), peer_(std::move(peer)) {
  state_->connections.insert(this);
  state_->num_connections = static_cast<int>(state_->connections.size());
  SetDeadline(state_->options.head_ms);
}

ConnectionBase::~ConnectionBase() {
  DropUpload();
  ReleaseBuffered();
  if (events_ != nullptr) {
    events_->OnMore({});
    state_->num_event_readers = --state_->event_readers;
  }
  GiveUpPlace();
}

void ConnectionBase::GiveUpPlace() {
  state_->connections.erase(this);
  state_->num_connections = static_cast<int>(state_->connections.size());
}

void ConnectionBase::Sweep(Clock::time_point now) {
  // The last reference has gone, the deletion is on its way.
  if (weak_from_this().expired()) return;
  if (now > deadline_) return Close();
  if (events_ == nullptr || is_writing_events_) return;
  if (now - last_event_ >= std::chrono::milliseconds(state_->options.keep_alive_ms)) {
    events_out_ = ": keep-alive\n\n";
    PumpEvents();
  }
}

void ConnectionBase::DropUpload() {
  if (!upload_.is_open()) return;
  upload_.Close();
  if (admission_) unlink(admission_->request.upload_path.c_str());
}

void ConnectionBase::ReleaseBuffered() {
  state_->buffered_bytes -= counted_bytes_;
  counted_bytes_ = 0;
}

void ConnectionBase::BeginRequest() {
  DropUpload();
  ReleaseBuffered();
  reader_ = std::make_unique<RequestReader>();
  admission_.reset();
  is_idle_ = in_.empty();
  // Who connects has something to ask; who has asked may come back later.
  SetDeadline(is_idle_ && requests_ > 0 ? state_->options.idle_ms : state_->options.head_ms);
  ++requests_;
  Advance();
}

void ConnectionBase::Read() {
  read_buffer_.resize(kReadBytes);
  ReadSome(read_buffer_.data(), read_buffer_.size(), [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    // From the first byte on the whole head is due; later each piece is.
    if (is_idle_) SetDeadline(state_->options.head_ms);
    is_idle_ = false;
    if (admission_) SetDeadline(state_->options.stalled_ms);
    in_.append(read_buffer_, 0, n);
    Advance();
  });
}

void ConnectionBase::Advance() {
  switch (reader_->Advance(in_)) {
    case RequestReader::Step::kMore:
      // An idle connection keeps no buffer.
      if (in_.empty() && is_idle_) in_ = {};
      return Read();
    case RequestReader::Step::kHead:
      return OnHead();
    case RequestReader::Step::kBody:
      return OnBody();
    case RequestReader::Step::kDone:
      return OnRequest();
    case RequestReader::Step::kError:
      return Refuse(reader_->problem());
  }
}

void ConnectionBase::OnHead() {
  RequestHead head = std::move(reader_->head());
  is_head_request_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  const bool wants_go_ahead = head.Header("expect") == "100-continue";
  auto admitted = state_->dispatcher->Admit(std::move(head), peer_);
  if (auto* problem = std::get_if<Problem>(&admitted)) return Refuse(*problem);
  admission_ = std::move(std::get<Dispatcher::Admission>(admitted));
  reader_->AllowBody(admission_->max_body_bytes);
  if (admission_->route->body == BodyKind::kFile) {
    Request& request = admission_->request;
    request.upload_path =
        state_->options.upload_folder + "/receiving-" + std::to_string(++state_->uploads);
    upload_ = Descriptor(open(request.upload_path.c_str(),
                              O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!upload_.is_open()) {
      return Refuse(ProblemOf(ResourceError("there is no room for the upload",
                                            "Make room on the disk of the project.")));
    }
  }
  SetDeadline(state_->options.stalled_ms);
  if (!wants_go_ahead || !admission_->request.head.has_body()) return Advance();
  Write("HTTP/1.1 100 Continue\r\n\r\n", [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    Advance();
  });
}

void ConnectionBase::OnBody() {
  std::string piece = reader_->TakeBody();
  Request& request = admission_->request;
  if (!upload_.is_open()) {
    const auto bytes = static_cast<int64_t>(piece.size());
    counted_bytes_ += bytes;
    if ((state_->buffered_bytes += bytes) > state_->options.max_buffered_bytes) {
      return Refuse(Overloaded("too many pictures are being sent at once"));
    }
    request.body += piece;
    return Advance();
  }
  request.upload_bytes += static_cast<int64_t>(piece.size());
  // A disk may be slow: not on the thread of the sockets. Nothing is read meanwhile.
  asio::post(state_->workers, [this, self = shared_from_this(), piece = std::move(piece)] {
    const bool ok = WriteAll(upload_.get(), piece);
    asio::post(state_->io, [this, self, ok] { OnBodyWritten(ok); });
  });
}

void ConnectionBase::OnBodyWritten(bool ok) {
  if (ok) return Advance();
  Refuse(ProblemOf(
      ResourceError("the upload could not be written", "Make room on the disk of the project.")));
}

void ConnectionBase::OnRequest() {
  const Route* route = admission_->route;
  auto request = std::make_shared<Request>(std::move(admission_->request));
  if (upload_.is_open()) upload_.Close();  // the file is the handler's now
  // A handler takes as long as it takes; it ends by itself.
  deadline_ = Clock::time_point::max();
  auto self = shared_from_this();
  asio::post(state_->workers, [this, self, route, request] {
    state_->dispatcher->Run(*route, std::move(*request), [this, self](Response response) {
      auto shared = std::make_shared<Response>(std::move(response));
      asio::post(state_->io, [this, self, shared] { Respond(std::move(*shared)); });
    });
  });
}

void ConnectionBase::Refuse(const Problem& problem) {
  DropUpload();
  keep_alive_ = false;
  Response response = ResponseOf(problem);
  state_->dispatcher->Finish(response);
  Respond(std::move(response));
}

void ConnectionBase::Respond(Response response) {
  ReleaseBuffered();
  if (std::holds_alternative<std::shared_ptr<EventReader>>(response.body)) {
    if (state_->event_readers >= state_->options.max_event_readers) {
      return Refuse(Overloaded("too many event streams are open"));
    }
    keep_alive_ = false;
  }
  out_ = std::move(response);
  head_out_ = HeadText(out_, keep_alive_);
  SetDeadline(state_->options.stalled_ms);
  Write(head_out_, [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    if (auto* events = std::get_if<std::shared_ptr<EventReader>>(&out_.body)) {
      return is_head_request_ ? OnSent() : BeginEvents(*events);
    }
    if (is_head_request_ || BodyBytes(out_) == 0) return OnSent();
    SendBody();
  });
}

void ConnectionBase::SendBody() {
  SetDeadline(state_->options.stalled_ms);
  const auto done = [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    OnSent();
  };
  if (auto* text = std::get_if<std::string>(&out_.body)) return Write(*text, done);
  if (auto* view = std::get_if<std::string_view>(&out_.body)) return Write(*view, done);
  if (auto* bytes = std::get_if<std::shared_ptr<const Bytes>>(&out_.body)) {
    return Write({reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size()}, done);
  }
  file_left_ = std::get<FileBody>(out_.body).bytes;
  SendFilePart();
}

void ConnectionBase::SendFilePart() {
  if (file_left_ == 0) return OnSent();
  part_.resize(static_cast<size_t>(std::min(file_left_, kFilePartBytes)));
  const ssize_t count = read(std::get<FileBody>(out_.body).file.get(), part_.data(), part_.size());
  if (count <= 0) return Close();  // it has become shorter: the client sees that some is missing
  part_.resize(static_cast<size_t>(count));
  file_left_ -= count;
  SetDeadline(state_->options.stalled_ms);
  Write(part_, [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    SendFilePart();
  });
}

void ConnectionBase::OnSent() {
  out_ = {};
  part_ = {};
  if (keep_alive_) return BeginRequest();
  Linger();
}

// Closing while the client still sends would make its system throw the answer away.
void ConnectionBase::Linger() {
  ShutDownSending();
  SetDeadline(kLingerMs);
  read_buffer_.resize(kReadBytes);
  ReadSome(read_buffer_.data(), read_buffer_.size(), [this, self = shared_from_this()](size_t n) {
    lingered_bytes_ += static_cast<int64_t>(n);
    if (n == 0 || lingered_bytes_ > kMaxLingerBytes) return Close();
    const auto deadline = deadline_;
    Linger();
    deadline_ = deadline;
  });
}

void ConnectionBase::BeginEvents(std::shared_ptr<EventReader> reader) {
  events_ = std::move(reader);
  state_->num_event_readers = ++state_->event_readers;
  last_event_ = Clock::now();
  std::weak_ptr<ConnectionBase> weak = shared_from_this();
  std::weak_ptr<ServerState> weak_state = state_;
  events_->OnMore([weak, weak_state] {
    const auto state = weak_state.lock();
    if (state == nullptr) return;
    asio::post(state->io, [weak] {
      if (const auto self = weak.lock()) self->PumpEvents();
    });
  });
  WatchForEnd();
  PumpEvents();
}

// A viewer who leaves is noticed at once, not with the next event.
void ConnectionBase::WatchForEnd() {
  read_buffer_.resize(512);
  ReadSome(read_buffer_.data(), read_buffer_.size(), [this, self = shared_from_this()](size_t n) {
    if (n == 0) return Close();
    WatchForEnd();
  });
}

void ConnectionBase::PumpEvents() {
  if (is_writing_events_ || events_ == nullptr) return;
  if (events_->has_overflowed()) return Close();
  events_out_ += events_->Take();
  if (events_out_.empty()) {
    deadline_ = Clock::time_point::max();
    return;
  }
  is_writing_events_ = true;
  SetDeadline(state_->options.stalled_ms);
  Write(events_out_, [this, self = shared_from_this()](size_t n) {
    is_writing_events_ = false;
    if (n == 0) return Close();
    events_out_.clear();
    last_event_ = Clock::now();
    PumpEvents();
  });
}

namespace {

Tcp::socket& LowestLayer(Tcp::socket& stream) { return stream; }
Tcp::socket& LowestLayer(asio::ssl::stream<Tcp::socket>& stream) { return stream.next_layer(); }

}  // namespace

template <typename Stream>
Tcp::socket& Connection<Stream>::Socket() {
  return LowestLayer(stream_);
}

template <typename Stream>
void Connection<Stream>::Start() {
  AsioError ignored;
  Socket().set_option(Tcp::no_delay(true), ignored);
  if constexpr (std::is_same_v<Stream, Tcp::socket>) {
    BeginRequest();
  } else {
    auto self = shared_from_this();
    stream_.async_handshake(asio::ssl::stream_base::server, [this, self](const AsioError& error) {
      if (error) return Close();
      BeginRequest();
    });
  }
}

template <typename Stream>
void Connection<Stream>::Close() {
  AsioError ignored;
  Socket().shutdown(Tcp::socket::shutdown_both, ignored);
  Socket().close(ignored);
  GiveUpPlace();
}

template <typename Stream>
void Connection<Stream>::ShutDownSending() {
  AsioError ignored;
  // With TLS the last record has been written whole; Content-Length tells that nothing is missing.
  Socket().shutdown(Tcp::socket::shutdown_send, ignored);
}

template <typename Stream>
void Connection<Stream>::ReadSome(char* into, size_t room, Done done) {
  stream_.async_read_some(asio::buffer(into, room),
                          [self = shared_from_this(), done = std::move(done)](
                              const AsioError& error, size_t n) { done(error ? 0 : n); });
}

template <typename Stream>
void Connection<Stream>::Write(std::string_view bytes, Done done) {
  // By pieces, so that a client that takes something, however slowly, is not late.
  static constexpr size_t kPieceBytes = 64 * 1024;
  const std::string_view piece = bytes.substr(0, kPieceBytes);
  asio::async_write(stream_, asio::buffer(piece.data(), piece.size()),
                    [this, self = shared_from_this(), bytes, done = std::move(done)](
                        const AsioError& error, size_t n) {
                      if (error) return done(0);
                      if (n == bytes.size()) return done(n);
                      Progressed();
                      Write(bytes.substr(n), done);
                    });
}

template class Connection<Tcp::socket>;
template class Connection<asio::ssl::stream<Tcp::socket>>;

}  // namespace deixis::studio
