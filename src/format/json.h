// JSON (RFC 8259) as file headers and model metadata need it: a strict reader with bounded memory
// and depth, and a writer. Layers above the runtime use nlohmann-json; these do not, so that the
// runtime needs no library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace deixis {

// A JSON value. Objects keep the order of their members.
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Member = std::pair<std::string, JsonValue>;
  using Object = std::vector<Member>;

  JsonValue() = default;                                        // null
  JsonValue(bool value) : value_(value) {}                      // NOLINT: implicit
  JsonValue(int value) : value_(int64_t{value}) {}              // NOLINT: implicit
  JsonValue(int64_t value) : value_(value) {}                   // NOLINT: implicit
  JsonValue(double value) : value_(value) {}                    // NOLINT: implicit
  JsonValue(float value) : value_(value) {}                     // NOLINT: implicit
  JsonValue(std::string value) : value_(std::move(value)) {}    // NOLINT: implicit
  JsonValue(const char* value) : value_(std::string(value)) {}  // NOLINT: implicit
  JsonValue(Array value) : value_(std::move(value)) {}          // NOLINT: implicit
  JsonValue(Object value) : value_(std::move(value)) {}         // NOLINT: implicit

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  // The value when it has that type, else null.
  const bool* AsBool() const { return std::get_if<bool>(&value_); }
  const std::string* AsString() const { return std::get_if<std::string>(&value_); }
  const Array* AsArray() const { return std::get_if<Array>(&value_); }
  const Object* AsObject() const { return std::get_if<Object>(&value_); }
  // Only for numbers written without fraction and exponent that fit.
  std::optional<int64_t> AsInteger() const;
  std::optional<double> AsNumber() const;

  // The member of an object; null when there is none or this is no object. O(members).
  const JsonValue* Find(std::string_view key) const;
  // "an object", "a number", ... for messages.
  std::string_view TypeName() const;

 private:
  friend void AppendJson(const JsonValue& value, std::string& out);
  // A float keeps its own type so that it is written with the digits a float needs.
  std::variant<std::monostate, bool, int64_t, double, float, std::string, Array, Object> value_;
};

struct JsonLimits {
  int max_depth = 16;            // of nested arrays and objects
  int64_t max_values = 1 << 20;  // values of every kind in the whole text
};

// Strict: one value and nothing after it but white space, valid UTF-8 without byte order mark, no
// duplicate keys, no lone surrogates, no numbers beyond double. kInvalidData with the byte offset.
Result<JsonValue> ParseJson(std::string_view text, const JsonLimits& limits = {});

// Compact, members in their order. Numbers take the fewest digits that read back the same; a
// number that is not finite becomes null, bytes that are not UTF-8 become U+FFFD.
std::string ToJson(const JsonValue& value);
void AppendJson(const JsonValue& value, std::string& out);
void AppendJsonString(std::string_view text, std::string& out);

// For an error's "found ...": the value as quoted JSON, or "nothing" for null.
std::string FoundText(const JsonValue* value);

bool IsValidUtf8(std::string_view text);

}  // namespace deixis
