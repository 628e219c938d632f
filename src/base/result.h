// The one way in which this code reports failure: a value or an Error, never an exception.
//
// An Error's code is the exit code that the command line documents, so a failure keeps its meaning
// from the place that found it to the shell. Its message names the thing, what was expected and
// what was found; its remedy says what to do.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace deixis {

// Equal to the exit codes of the command line.
enum class ErrorCode : int {
  kInternal = 1,
  kUsage = 2,
  kNotFound = 3,
  kInvalidData = 4,
  kDeviceUnavailable = 5,
  kBusy = 6,
  kAuthentication = 7,
  kQualityMissed = 8,
  kResources = 9,  // memory or disk
  kInterrupted = 130,
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string remedy;  // may be empty

  // The same error with what was being done put in front: "model.pth: tensor ...".
  [[nodiscard]] Error WithContext(std::string_view context) const& {
    return Error{code, std::string(context) + ": " + message, remedy};
  }
};

inline Error InvalidData(std::string message, std::string remedy = {}) {
  return Error{ErrorCode::kInvalidData, std::move(message), std::move(remedy)};
}
inline Error NotFound(std::string message, std::string remedy = {}) {
  return Error{ErrorCode::kNotFound, std::move(message), std::move(remedy)};
}
inline Error UsageError(std::string message, std::string remedy = {}) {
  return Error{ErrorCode::kUsage, std::move(message), std::move(remedy)};
}
inline Error ResourceError(std::string message, std::string remedy = {}) {
  return Error{ErrorCode::kResources, std::move(message), std::move(remedy)};
}
inline Error InternalError(std::string message, std::string remedy = {}) {
  return Error{ErrorCode::kInternal, std::move(message), std::move(remedy)};
}

// Either a T or an Error. Reading the side that is not there ends the process: it is a bug of the
// caller, not a condition of the data.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return Checked(), std::get<0>(state_); }
  const T& value() const& { return Checked(), std::get<0>(state_); }
  T&& value() && { return Checked(), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    if (ok()) std::abort();
    return std::get<1>(state_);
  }
  Error&& error() && {
    if (ok()) std::abort();
    return std::get<1>(std::move(state_));
  }

 private:
  void Checked() const {
    if (!ok()) std::abort();
  }
  std::variant<T, Error> state_;
};

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    if (ok()) std::abort();
    return *error_;
  }
  Error&& error() && {
    if (ok()) std::abort();
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

inline Status Ok() { return Status(); }

#define DEIXIS_CONCAT_INNER(a, b) a##b
#define DEIXIS_CONCAT(a, b) DEIXIS_CONCAT_INNER(a, b)

// Returns the error of a Status or Result expression from the enclosing function.
#define DEIXIS_RETURN_IF_ERROR(expression)                            \
  do {                                                                \
    auto deixis_status = (expression);                                \
    if (!deixis_status.ok()) return std::move(deixis_status).error(); \
  } while (false)

// DEIXIS_ASSIGN(auto x, MakeX()): the value of a Result, or its error returned from here.
#define DEIXIS_ASSIGN(declaration, expression) \
  DEIXIS_ASSIGN_IMPL(DEIXIS_CONCAT(deixis_result_, __LINE__), declaration, expression)
#define DEIXIS_ASSIGN_IMPL(result, declaration, expression) \
  auto result = (expression);                               \
  if (!result.ok()) return std::move(result).error();       \
  declaration = std::move(result).value()

}  // namespace deixis
