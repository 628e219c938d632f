// HTTP/1.1 requests out of a stream of bytes, a piece at a time: Boost.Beast's parser, with nothing
// of sockets. What it is given may be anything at all (fuzz/studio_request_fuzz.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "studio/http/message.h"

namespace deixis::studio {

class RequestReader {
 public:
  static constexpr int64_t kMaxHeadBytes = 16 * 1024;

  RequestReader();
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class Step {
    kMore,   // everything in the buffer is used up, or too little for a head is there
    kHead,   // head() is complete; AllowBody() comes before the next call
    kBody,   // a piece of the body: TakeBody()
    kDone,   // the request is over; what is left in the buffer belongs to the next
    kError,  // problem(); nothing more can be read from this stream
  };
  // Takes what it can from the front of `buffer`.
  Step Advance(std::string& buffer);

  RequestHead& head();
  // A longer body is kError (413).
  void AllowBody(int64_t max_bytes);
  std::string TakeBody();
  const Problem& problem() const { return problem_; }
  // Not one byte of a request has come.
  bool is_fresh() const { return is_fresh_; }

 private:
  struct Parser;
  Step Fail(int status, std::string type, std::string detail, std::string remedy);

  std::unique_ptr<Parser> parser_;
  Problem problem_;
  bool is_fresh_ = true;
  bool head_is_told_ = false;
  bool has_failed_ = false;
};

}  // namespace deixis::studio
