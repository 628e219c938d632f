#include "format/pickle.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "format/printable.h"

namespace deixis::pickle {

namespace {

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloatText = 'F',
  kIntText = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLongText = 'L',
  kBinInt2 = 'M',
  kNoneValue = 'N',
  kPersIdText = 'P',
  kBinPersId = 'Q',
  kReduce = 'R',
  kStringText = 'S',
  kBinString = 'T',
  kShortBinString = 'U',
  kUnicodeText = 'V',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobalText = 'c',
  kDictFromMark = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kGetText = 'g',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kListFromMark = 'l',
  kEmptyList = ']',
  kObj = 'o',
  kPutText = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTupleFromMark = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8A,
  kLong4 = 0x8B,
  kShortBinUnicode = 0x8C,
  kBinUnicode8 = 0x8D,
  kBinBytes8 = 0x8E,
  kEmptySet = 0x8F,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

constexpr int kNewestProtocol = 5;

}  // namespace

// The stack machine. Every step takes at least one byte of the input and makes at most one object,
// and what it moves off the stack it never looks at again: time and memory are linear in the input.
class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const Limits& limits)
      : bytes_(bytes), limits_(limits) {}

  Result<Pickle> Run() {
    for (size_t step = 0;; ++step) {
      step_offset_ = offset_;
      if (step == limits_.max_opcodes) {
        return Broken("more than " + std::to_string(limits_.max_opcodes) + " steps");
      }
      DEIXIS_ASSIGN(const uint64_t opcode, TakeNumber(1));
      if (opcode == kStop) break;
      DEIXIS_RETURN_IF_ERROR(Step(static_cast<uint8_t>(opcode)));
      if (pickle_.objects_.size() > limits_.max_objects) {
        return Broken("more than " + std::to_string(limits_.max_objects) + " objects");
      }
    }
    DEIXIS_ASSIGN(pickle_.root_, Pop());
    pickle_.num_bytes_ = offset_;
    return std::move(pickle_);
  }

 private:
  Status Step(uint8_t opcode);
  Status ScalarStep(uint8_t opcode);
  Status TextLineStep(uint8_t opcode);
  Status ContainerStep(uint8_t opcode);
  Status CallStep(uint8_t opcode);
  Status MemoStep(uint8_t opcode);

  Error Broken(const std::string& finding) const {
    return InvalidData("pickle, byte " + std::to_string(step_offset_) + ": " + finding,
                       "the file is damaged or hostile; get it again from its source");
  }
  Error CutShort() const { return Broken("the data ends in the middle"); }

  // Input.
  Result<uint64_t> TakeNumber(size_t num_bytes);  // little-endian
  Result<std::string_view> TakeText(uint64_t num_bytes);
  Result<std::string_view> TakeCounted(size_t length_bytes);  // a length, then as many bytes
  Result<std::string_view> TakeLine();

  // Stack. What lies below the last mark is out of reach until the mark is taken away.
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Result<Ref> Pop();
  Result<Ref> Top() const;
  Result<std::vector<Ref>> PopToMark();

  Object& New(Kind kind) {
    stack_.push_back(static_cast<Ref>(pickle_.objects_.size()));
    Object& object = pickle_.objects_.emplace_back();
    object.kind = kind;
    return object;
  }
  void PushInt(int64_t value) { New(Kind::kInt).integer = value; }
  void PushBool(bool value) { New(Kind::kBool).integer = value ? 1 : 0; }
  void PushText(Kind kind, std::string_view text) { New(kind).text = text; }
  Status PushLong(std::string_view twos_complement);
  Status PushTuple(size_t num_items);
  Status PushGlobal(std::string_view module, std::string_view name);
  void PushCall(Ref target, Ref arguments) {
    Object& call = New(Kind::kCall);
    call.target = target;
    call.arguments = arguments;
  }
  Status Extend(std::vector<Ref> added, bool are_pairs);
  Status Memoize(uint64_t index);
  Status Recall(uint64_t index);

  std::span<const std::byte> bytes_;
  Limits limits_;
  size_t offset_ = 0;
  size_t step_offset_ = 0;
  Pickle pickle_;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;  // stack heights
  std::vector<Ref> memo_;
  size_t num_memoized_ = 0;
  size_t num_name_bytes_ = 0;
};

Result<uint64_t> Machine::TakeNumber(size_t num_bytes) {
  if (num_bytes > bytes_.size() - offset_) return CutShort();
  uint64_t value = 0;
  for (size_t i = 0; i < num_bytes; ++i) {
    value |= static_cast<uint64_t>(bytes_[offset_ + i]) << (8 * i);
  }
  offset_ += num_bytes;
  return value;
}

Result<std::string_view> Machine::TakeText(uint64_t num_bytes) {
  if (num_bytes > bytes_.size() - offset_) return CutShort();
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + offset_, num_bytes);
  offset_ += num_bytes;
  return text;
}

Result<std::string_view> Machine::TakeCounted(size_t length_bytes) {
  DEIXIS_ASSIGN(const uint64_t length, TakeNumber(length_bytes));
  return TakeText(length);
}

Result<std::string_view> Machine::TakeLine() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + offset_,
                              bytes_.size() - offset_);
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return CutShort();
  offset_ += end + 1;
  return rest.substr(0, end);
}

Result<Ref> Machine::Top() const {
  if (stack_.size() <= Floor()) return Broken("it takes more from the stack than there is");
  return stack_.back();
}

Result<Ref> Machine::Pop() {
  DEIXIS_ASSIGN(const Ref top, Top());
  stack_.pop_back();
  return top;
}

Result<std::vector<Ref>> Machine::PopToMark() {
  if (marks_.empty()) return Broken("it looks for a mark that is not there");
  const auto begin = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<Ref> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

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

Status Machine::PushTuple(size_t num_items) {
  if (stack_.size() - Floor() < num_items) {
    return Broken("it takes more from the stack than there is");
  }
  const auto begin = stack_.end() - static_cast<ptrdiff_t>(num_items);
  std::vector<Ref> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  New(Kind::kTuple).items = std::move(items);
  return Ok();
}

Status Machine::PushGlobal(std::string_view module, std::string_view name) {
  if (module.size() > limits_.max_name_bytes || name.size() > limits_.max_name_bytes) {
    return Broken("a class or function with a name beyond " +
                  std::to_string(limits_.max_name_bytes) + " bytes");
  }
  num_name_bytes_ += module.size() + name.size();
  if (num_name_bytes_ > limits_.max_all_name_bytes) {
    return Broken("names of classes and functions beyond " +
                  std::to_string(limits_.max_all_name_bytes) + " bytes");
  }
  Object& global = New(Kind::kGlobal);
  global.text = module;
  global.name = name;
  return Ok();
}

// Adds to the container on top of the stack.
Status Machine::Extend(std::vector<Ref> added, bool are_pairs) {
  if (are_pairs && added.size() % 2 != 0) return Broken("a key without a value");
  DEIXIS_ASSIGN(const Ref top, Top());
  Object& object = pickle_.objects_[top];
  const bool fits =
      object.kind == Kind::kCall || object.kind == (are_pairs ? Kind::kDict : Kind::kList);
  if (!fits) {
    return Broken(std::string(are_pairs ? "a key is set in " : "an element is appended to ") +
                  pickle_.Describe(top));
  }
  auto& items = are_pairs && object.kind == Kind::kCall ? object.pairs : object.items;
  items.insert(items.end(), added.begin(), added.end());
  return Ok();
}

Status Machine::Memoize(uint64_t index) {
  DEIXIS_ASSIGN(const Ref top, Top());
  // Python numbers from 0 without holes; a far index would only make the table large.
  if (index >= limits_.max_objects) return Broken("memo index " + std::to_string(index));
  if (index >= memo_.size()) memo_.resize(index + 1, kNoRef);
  if (memo_[index] == kNoRef) ++num_memoized_;
  memo_[index] = top;
  return Ok();
}

Status Machine::Recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNoRef) {
    return Broken("memo entry " + std::to_string(index) + " is used before it is made");
  }
  stack_.push_back(memo_[index]);
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

Status Machine::ContainerStep(uint8_t opcode) {
  switch (opcode) {
    case kEmptyTuple:
      New(Kind::kTuple);
      return Ok();
    case kEmptyDict:
      New(Kind::kDict);
      return Ok();
    case kEmptyList:
    case kEmptySet:
      New(Kind::kList);
      return Ok();
    case kTuple1:
      return PushTuple(1);
    case kTuple2:
      return PushTuple(2);
    case kTuple3:
      return PushTuple(3);
    case kTupleFromMark:
    case kListFromMark:
    case kFrozenSet:
    case kDictFromMark: {
      DEIXIS_ASSIGN(std::vector<Ref> items, PopToMark());
      if (opcode == kDictFromMark && items.size() % 2 != 0) return Broken("a key without a value");
      New(opcode == kTupleFromMark  ? Kind::kTuple
          : opcode == kDictFromMark ? Kind::kDict
                                    : Kind::kList)
          .items = std::move(items);
      return Ok();
    }
    case kAppends:
    case kAddItems:
    case kSetItems: {
      DEIXIS_ASSIGN(std::vector<Ref> items, PopToMark());
      return Extend(std::move(items), opcode == kSetItems);
    }
    case kAppend: {
      DEIXIS_ASSIGN(const Ref item, Pop());
      return Extend({item}, false);
    }
    case kSetItem: {
      DEIXIS_ASSIGN(const Ref value, Pop());
      DEIXIS_ASSIGN(const Ref key, Pop());
      return Extend({key, value}, true);
    }
    default:
      return ScalarStep(opcode);
  }
}

Status Machine::CallStep(uint8_t opcode) {
  switch (opcode) {
    case kGlobalText: {
      DEIXIS_ASSIGN(const std::string_view module, TakeLine());
      DEIXIS_ASSIGN(const std::string_view name, TakeLine());
      return PushGlobal(module, name);
    }
    case kStackGlobal: {
      DEIXIS_ASSIGN(const Ref name, Pop());
      DEIXIS_ASSIGN(const Ref module, Pop());
      if (pickle_[name].kind != Kind::kText || pickle_[module].kind != Kind::kText) {
        return Broken("a class or function whose name is not text");
      }
      return PushGlobal(pickle_[module].text, pickle_[name].text);
    }
    case kReduce:
    case kNewObj: {
      DEIXIS_ASSIGN(const Ref arguments, Pop());
      DEIXIS_ASSIGN(const Ref target, Pop());
      PushCall(target, arguments);
      return Ok();
    }
    case kNewObjEx: {
      DEIXIS_ASSIGN([[maybe_unused]] const Ref keywords, Pop());
      DEIXIS_ASSIGN(const Ref arguments, Pop());
      DEIXIS_ASSIGN(const Ref target, Pop());
      PushCall(target, arguments);
      return Ok();
    }
    case kInst:
    case kObj: {
      DEIXIS_ASSIGN(std::vector<Ref> items, PopToMark());
      Ref target = kNoRef;
      if (opcode == kObj) {
        if (items.empty()) return Broken("an object without a class");
        target = items.front();
        items.erase(items.begin());
      } else {
        DEIXIS_ASSIGN(const std::string_view module, TakeLine());
        DEIXIS_ASSIGN(const std::string_view name, TakeLine());
        DEIXIS_RETURN_IF_ERROR(PushGlobal(module, name));
        target = stack_.back();
        stack_.pop_back();
      }
      New(Kind::kTuple).items = std::move(items);
      const Ref arguments = stack_.back();
      stack_.pop_back();
      PushCall(target, arguments);
      return Ok();
    }
    case kBuild: {
      DEIXIS_ASSIGN(const Ref state, Pop());
      DEIXIS_ASSIGN(const Ref top, Top());
      pickle_.objects_[top].state = state;
      return Ok();
    }
    case kBinPersId: {
      DEIXIS_ASSIGN(const Ref target, Pop());
      New(Kind::kPersistent).target = target;
      return Ok();
    }
    case kPersIdText: {
      DEIXIS_ASSIGN(const std::string_view line, TakeLine());
      PushText(Kind::kText, line);
      const Ref target = stack_.back();
      stack_.pop_back();
      New(Kind::kPersistent).target = target;
      return Ok();
    }
    case kExt1:
    case kExt2:
    case kExt4:
      return Broken("it uses the extension registry of the machine that wrote it");
    default:
      return ContainerStep(opcode);
  }
}

Status Machine::MemoStep(uint8_t opcode) {
  switch (opcode) {
    case kMemoize:
      return Memoize(num_memoized_);
    case kPutText:
    case kGetText: {
      DEIXIS_ASSIGN(const std::string_view line, TakeLine());
      uint32_t index = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
      if (error != std::errc() || end != line.data() + line.size()) {
        return Broken("memo index " + Quoted(line, 40));
      }
      return opcode == kPutText ? Memoize(index) : Recall(index);
    }
    case kBinPut:
    case kLongBinPut: {
      DEIXIS_ASSIGN(const uint64_t index, TakeNumber(opcode == kBinPut ? 1 : 4));
      return Memoize(index);
    }
    case kBinGet:
    case kLongBinGet: {
      DEIXIS_ASSIGN(const uint64_t index, TakeNumber(opcode == kBinGet ? 1 : 4));
      return Recall(index);
    }
    default:
      return CallStep(opcode);
  }
}

Status Machine::Step(uint8_t opcode) {
  switch (opcode) {
    case kProto: {
      DEIXIS_ASSIGN(const uint64_t protocol, TakeNumber(1));
      if (protocol <= kNewestProtocol) return Ok();
      return Broken("expected protocol 0 to 5, found " + std::to_string(protocol));
    }
    case kFrame: {
      // Frames only help a reader that reads ahead; their length is not used for anything.
      DEIXIS_ASSIGN(const uint64_t length, TakeNumber(8));
      if (length > bytes_.size() - offset_) return CutShort();
      return Ok();
    }
    case kMark:
      marks_.push_back(stack_.size());
      return Ok();
    case kPop: {
      if (stack_.size() > Floor()) {
        stack_.pop_back();
      } else if (!marks_.empty()) {
        marks_.pop_back();
      } else {
        return Broken("it takes more from the stack than there is");
      }
      return Ok();
    }
    case kPopMark: {
      DEIXIS_ASSIGN([[maybe_unused]] const std::vector<Ref> items, PopToMark());
      return Ok();
    }
    case kDup: {
      DEIXIS_ASSIGN(const Ref top, Top());
      stack_.push_back(top);
      return Ok();
    }
    default:
      return MemoStep(opcode);
  }
}

Result<Pickle> Pickle::Parse(std::span<const std::byte> bytes, const Limits& limits) {
  return Machine(bytes, limits).Run();
}

bool Pickle::IsGlobal(Ref ref, std::string_view module, std::string_view name) const {
  if (ref == kNoRef) return false;
  const Object& object = objects_[ref];
  return object.kind == Kind::kGlobal && object.text == module && object.name == name;
}

std::string Pickle::GlobalName(Ref ref) const {
  return Printable(objects_[ref].text) + "." + Printable(objects_[ref].name);
}

std::string Pickle::Describe(Ref ref) const {
  if (ref == kNoRef) return "nothing";
  const Object& object = objects_[ref];
  switch (object.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
      return "the integer " + std::to_string(object.integer);
    case Kind::kBigInt:
      return "an integer beyond 64 bits";
    case Kind::kFloat:
      return "a number";
    case Kind::kText:
      return "the text " + Quoted(object.text, 60);
    case Kind::kBytes:
      return "bytes";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dict";
    case Kind::kGlobal:
      return "the class or function " + GlobalName(ref);
    case Kind::kPersistent:
      return "a storage";
    case Kind::kCall:
      if (object.target != kNoRef && objects_[object.target].kind == Kind::kGlobal) {
        return "the result of " + GlobalName(object.target);
      }
      return "the result of a call";
  }
  return "an unknown object";
}

}  // namespace deixis::pickle
