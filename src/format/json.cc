#include "format/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "format/printable.h"

namespace deixis {
namespace {

void AppendUtf8(uint32_t code_point, std::string& out) {
  const auto append = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    append(code_point);
  } else if (code_point < 0x800) {
    append(0xC0 | (code_point >> 6));
    append(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    append(0xE0 | (code_point >> 12));
    append(0x80 | ((code_point >> 6) & 0x3F));
    append(0x80 | (code_point & 0x3F));
  } else {
    append(0xF0 | (code_point >> 18));
    append(0x80 | ((code_point >> 12) & 0x3F));
    append(0x80 | ((code_point >> 6) & 0x3F));
    append(0x80 | (code_point & 0x3F));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Recursive descent; the depth limit bounds the stack.
class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  Result<JsonValue> ParseText() {
    JsonValue value;
    SkipSpace();
    DEIXIS_RETURN_IF_ERROR(ParseValue(0, value));
    SkipSpace();
    if (position_ != text_.size()) return Fail("expected the end of the text, found " + Found());
    return value;
  }

 private:
  Error Fail(const std::string& what) const {
    return InvalidData("JSON, byte " + std::to_string(position_) + ": " + what);
  }

  std::string Found() const {
    if (position_ >= text_.size()) return "the end of the text";
    const char c = text_[position_];
    if (c > ' ' && c < 0x7F) return std::string("'") + c + "'";
    return "byte " + std::to_string(static_cast<uint8_t>(c));
  }

  bool Peek(char c) const { return position_ < text_.size() && text_[position_] == c; }
  bool Take(char c) {
    if (!Peek(c)) return false;
    ++position_;
    return true;
  }
  void SkipSpace() {
    while (Peek(' ') || Peek('\n') || Peek('\r') || Peek('\t')) ++position_;
  }

  Status ParseValue(int depth, JsonValue& out) {
    if (++num_values_ > limits_.max_values) {
      return Fail("expected at most " + std::to_string(limits_.max_values) + " values, found more");
    }
    if (position_ >= text_.size()) return Fail("expected a value, found the end of the text");
    const char c = text_[position_];
    if ((c == '{' || c == '[') && depth >= limits_.max_depth) {
      return Fail("expected a nesting of at most " + std::to_string(limits_.max_depth) +
                  ", found a deeper one");
    }
    if (c == '{') return ParseObject(depth + 1, out);
    if (c == '[') return ParseArray(depth + 1, out);
    if (c == '"') {
      std::string text;
      DEIXIS_RETURN_IF_ERROR(ParseString(text));
      out = JsonValue(std::move(text));
      return Ok();
    }
    if (c == '-' || IsDigit(c)) return ParseNumber(out);
    if (TakeWord("true")) return out = JsonValue(true), Ok();
    if (TakeWord("false")) return out = JsonValue(false), Ok();
    if (TakeWord("null")) return out = JsonValue(), Ok();
    return Fail("expected a value, found " + Found());
  }

  bool TakeWord(std::string_view word) {
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }

  Status ParseArray(int depth, JsonValue& out) {
    JsonValue::Array items;
    ++position_;
    SkipSpace();
    if (!Take(']')) {
      do {
        SkipSpace();
        DEIXIS_RETURN_IF_ERROR(ParseValue(depth, items.emplace_back()));
        SkipSpace();
      } while (Take(','));
      if (!Take(']')) return Fail("expected ',' or ']', found " + Found());
    }
    out = JsonValue(std::move(items));
    return Ok();
  }

  Status ParseObject(int depth, JsonValue& out) {
    JsonValue::Object members;
    ++position_;
    SkipSpace();
    if (!Take('}')) {
      do {
        SkipSpace();
        if (!Peek('"')) return Fail("expected a name in double quotes, found " + Found());
        JsonValue::Member& member = members.emplace_back();
        DEIXIS_RETURN_IF_ERROR(ParseString(member.first));
        SkipSpace();
        if (!Take(':')) return Fail("expected ':', found " + Found());
        SkipSpace();
        DEIXIS_RETURN_IF_ERROR(ParseValue(depth, member.second));
        SkipSpace();
      } while (Take(','));
      if (!Take('}')) return Fail("expected ',' or '}', found " + Found());
    }
    DEIXIS_RETURN_IF_ERROR(CheckUnique(members));
    out = JsonValue(std::move(members));
    return Ok();
  }

  Status CheckUnique(const JsonValue::Object& members) const {
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return Ok();
    std::string quoted;
    AppendJsonString(*twice, quoted);
    return Fail("expected every name of an object once, found " + quoted + " twice");
  }

  Status ParseString(std::string& out) {
    ++position_;
    while (true) {
      if (position_ >= text_.size()) return Fail("expected '\"', found the end of the text");
      const char c = text_[position_];
      if (c == '"') return ++position_, Ok();
      if (c == '\\') {
        DEIXIS_RETURN_IF_ERROR(ParseEscape(out));
        continue;
      }
      if (static_cast<uint8_t>(c) < 0x20) return Fail("expected an escape, found " + Found());
      const size_t length = Utf8SequenceLength(text_.substr(position_));
      if (length == 0) return Fail("expected UTF-8, found " + Found());
      out.append(text_.substr(position_, length));
      position_ += length;
    }
  }

  Status ParseEscape(std::string& out) {
    ++position_;
    if (position_ >= text_.size()) return Fail("expected an escape, found the end of the text");
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t letter = kLetters.find(text_[position_]);
    if (letter != std::string_view::npos) {
      out.push_back(kMeanings[letter]);
      ++position_;
      return Ok();
    }
    if (!Take('u')) return Fail("expected an escape, found " + Found());
    DEIXIS_ASSIGN(uint32_t code_point, ParseHex4());
    if (code_point >= 0xDC00 && code_point <= 0xDFFF) return Fail("found a lone low surrogate");
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
      if (!Take('\\') || !Take('u')) return Fail("found a lone high surrogate");
      DEIXIS_ASSIGN(const uint32_t low, ParseHex4());
      if (low < 0xDC00 || low > 0xDFFF) return Fail("found a lone high surrogate");
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code_point, out);
    return Ok();
  }

  Result<uint32_t> ParseHex4() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      if (position_ >= text_.size()) return Fail("expected 4 hexadecimal digits");
      const char c = text_[position_];
      const int digit = IsDigit(c)             ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return Fail("expected 4 hexadecimal digits, found " + Found());
      value = value * 16 + static_cast<uint32_t>(digit);
      ++position_;
    }
    return value;
  }

  bool TakeDigits() {
    const size_t start = position_;
    while (position_ < text_.size() && IsDigit(text_[position_])) ++position_;
    return position_ > start;
  }

  Status ParseNumber(JsonValue& out) {
    const size_t start = position_;
    bool is_integer = true;
    Take('-');
    if (!Take('0') && !TakeDigits()) return Fail("expected a digit, found " + Found());
    if (Take('.')) {
      is_integer = false;
      if (!TakeDigits()) return Fail("expected a digit, found " + Found());
    }
    if (Take('e') || Take('E')) {
      is_integer = false;
      if (!Take('+')) Take('-');
      if (!TakeDigits()) return Fail("expected a digit, found " + Found());
    }
    const std::string_view literal = text_.substr(start, position_ - start);
    const char* const end = literal.data() + literal.size();
    if (is_integer && literal != "-0") {
      int64_t value = 0;
      if (std::from_chars(literal.data(), end, value).ec == std::errc()) {
        out = JsonValue(value);
        return Ok();
      }
    }
    double value = 0;
    const auto parsed = std::from_chars(literal.data(), end, value);
    if (parsed.ec == std::errc()) return out = JsonValue(value), Ok();
    // Out of range: from_chars does not say at which end. A number that is too small is 0.
    position_ = start;
    if (IsTooSmall(literal)) return out = JsonValue(0.0), position_ += literal.size(), Ok();
    return Fail("expected a number within double's range, found a greater one");
  }

  // Of a literal beyond double's range: whether it is below it. True when its first digit that is
  // not 0 stands, exponent included, to the right of the point.
  static bool IsTooSmall(std::string_view literal) {
    const size_t exponent_mark = literal.find_first_of("eE");
    const std::string_view digits = literal.substr(0, exponent_mark);
    const size_t point = std::min(digits.find('.'), digits.size());
    const size_t first = digits.find_first_of("123456789");
    if (first == std::string_view::npos) return true;
    if (exponent_mark == std::string_view::npos) return first > point;
    std::string_view exponent = literal.substr(exponent_mark + 1);
    const bool negative = exponent.front() == '-';
    if (negative || exponent.front() == '+') exponent.remove_prefix(1);
    int64_t magnitude = 0;
    const auto parsed =
        std::from_chars(exponent.data(), exponent.data() + exponent.size(), magnitude);
    if (parsed.ec != std::errc()) return negative;  // an exponent beyond int64 outweighs any text
    const int64_t place = static_cast<int64_t>(point) - static_cast<int64_t>(first);
    magnitude = std::min(magnitude, int64_t{1} << 60);  // beyond the length of any text
    return (negative ? -magnitude : magnitude) + place < 0;
  }

  std::string_view text_;
  const JsonLimits limits_;
  size_t position_ = 0;
  int64_t num_values_ = 0;
};

template <typename T>
void AppendNumber(T value, std::string& out) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
  }
  char digits[32];
  const auto written = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, written.ptr);
}

}  // namespace

std::optional<int64_t> JsonValue::AsInteger() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
  return std::nullopt;
}

std::optional<double> JsonValue::AsNumber() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<float>(&value_)) return *value;
  return std::nullopt;
}

const JsonValue* JsonValue::Find(std::string_view key) const {
  if (const Object* members = AsObject()) {
    for (const auto& [name, value] : *members) {
      if (name == key) return &value;
    }
  }
  return nullptr;
}

std::string_view JsonValue::TypeName() const {
  constexpr std::string_view kNames[] = {"null",     "a boolean", "a number", "a number",
                                         "a number", "a string",  "an array", "an object"};
  return kNames[value_.index()];
}

Result<JsonValue> ParseJson(std::string_view text, const JsonLimits& limits) {
  return Parser(text, limits).ParseText();
}

std::string ToJson(const JsonValue& value) {
  std::string text;
  AppendJson(value, text);
  return text;
}

std::string FoundText(const JsonValue* value) {
  return value == nullptr ? "nothing" : Quoted(ToJson(*value));
}

void AppendJson(const JsonValue& value, std::string& out) {
  const auto append = [&out](const auto& content) {
    using T = std::decay_t<decltype(content)>;
    if constexpr (std::is_same_v<T, std::monostate>) {
      out += "null";
    } else if constexpr (std::is_same_v<T, bool>) {
      out += content ? "true" : "false";
    } else if constexpr (std::is_same_v<T, std::string>) {
      AppendJsonString(content, out);
    } else if constexpr (std::is_same_v<T, JsonValue::Array>) {
      out += '[';
      for (size_t i = 0; i < content.size(); ++i) {
        if (i > 0) out += ',';
        AppendJson(content[i], out);
      }
      out += ']';
    } else if constexpr (std::is_same_v<T, JsonValue::Object>) {
      out += '{';
      for (size_t i = 0; i < content.size(); ++i) {
        if (i > 0) out += ',';
        AppendJsonString(content[i].first, out);
        out += ':';
        AppendJson(content[i].second, out);
      }
      out += '}';
    } else {
      AppendNumber(content, out);
    }
  };
  std::visit(append, value.value_);
}

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const char c = text.front();
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace deixis
