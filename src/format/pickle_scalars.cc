// The opcodes that push a number, a text or bytes.

#include <bit>
#include <charconv>

#include "format/pickle_machine.h"
#include "format/printable.h"

namespace deixis::pickle {

Status Machine::PushLong(std::string_view twos_complement) {
  if (twos_complement.size() > 8) {
    PushText(Kind::kBigInt, twos_complement);
    return Ok();
  }
  uint64_t value = 0;
  for (size_t i = 0; i < twos_complement.size(); ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(twos_complement[i])) << (8 * i);
  }
  const size_t bits = 8 * twos_complement.size();
  if (bits > 0 && bits < 64 && (value >> (bits - 1) & 1) != 0) value |= ~uint64_t{0} << bits;
  PushInt(static_cast<int64_t>(value));
  return Ok();
}

Status Machine::ScalarStep(uint8_t opcode) {
  switch (opcode) {
    case kNoneValue:
      New(Kind::kNone);
      return Ok();
    case kNewTrue:
      PushBool(true);
      return Ok();
    case kNewFalse:
      PushBool(false);
      return Ok();
    case kBinInt1:
    case kBinInt2: {
      DEIXIS_ASSIGN(const uint64_t value, TakeNumber(opcode == kBinInt1 ? 1 : 2));
      PushInt(static_cast<int64_t>(value));
      return Ok();
    }
    case kBinInt: {
      DEIXIS_ASSIGN(const uint64_t value, TakeNumber(4));
      PushInt(static_cast<int32_t>(static_cast<uint32_t>(value)));
      return Ok();
    }
    case kLong1:
    case kLong4: {
      DEIXIS_ASSIGN(const std::string_view text, TakeCounted(opcode == kLong1 ? 1 : 4));
      return PushLong(text);
    }
    case kBinFloat: {  // big-endian, unlike everything else
      DEIXIS_ASSIGN(const uint64_t bits, TakeNumber(8));
      New(Kind::kFloat).real = std::bit_cast<double>(__builtin_bswap64(bits));
      return Ok();
    }
    case kShortBinString:
    case kBinString:
    case kShortBinUnicode:
    case kBinUnicode:
    case kBinUnicode8:
    case kShortBinBytes:
    case kBinBytes:
    case kBinBytes8:
    case kByteArray8: {
      const bool is_bytes = opcode == kShortBinBytes || opcode == kBinBytes ||
                            opcode == kBinBytes8 || opcode == kByteArray8;
      const bool is_short =
          opcode == kShortBinString || opcode == kShortBinUnicode || opcode == kShortBinBytes;
      const bool is_long = opcode == kBinUnicode8 || opcode == kBinBytes8 || opcode == kByteArray8;
      DEIXIS_ASSIGN(const std::string_view text, TakeCounted(is_short ? 1 : is_long ? 8 : 4));
      PushText(is_bytes ? Kind::kBytes : Kind::kText, text);
      return Ok();
    }
    default:
      return TextLineStep(opcode);
  }
}

// Protocol 0: everything is a line of text.
Status Machine::TextLineStep(uint8_t opcode) {
  switch (opcode) {
    case kIntText:
    case kLongText: {
      DEIXIS_ASSIGN(std::string_view line, TakeLine());
      if (opcode == kIntText && (line == "00" || line == "01")) {
        PushBool(line == "01");
        return Ok();
      }
      if (line.ends_with('L')) line.remove_suffix(1);
      int64_t value = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
      if (error != std::errc() || end != line.data() + line.size()) {
        return Broken("expected an integer of 64 bits, found " + Quoted(line, 40));
      }
      PushInt(value);
      return Ok();
    }
    case kFloatText: {
      DEIXIS_ASSIGN(const std::string_view line, TakeLine());
      double value = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
      if (error != std::errc() || end != line.data() + line.size()) {
        return Broken("expected a number, found " + Quoted(line, 40));
      }
      New(Kind::kFloat).real = value;
      return Ok();
    }
    case kStringText: {
      DEIXIS_ASSIGN(std::string_view line, TakeLine());
      if (line.size() < 2 || line.front() != line.back() ||
          (line.front() != '\'' && line.front() != '"')) {
        return Broken("expected a quoted string");
      }
      PushText(Kind::kText, line.substr(1, line.size() - 2));
      return Ok();
    }
    case kUnicodeText: {
      DEIXIS_ASSIGN(const std::string_view line, TakeLine());
      PushText(Kind::kText, line);
      return Ok();
    }
    default: {
      constexpr char kDigits[] = "0123456789abcdef";
      return Broken(std::string("unknown opcode 0x") + kDigits[opcode >> 4] + kDigits[opcode & 15]);
    }
  }
}

}  // namespace deixis::pickle
