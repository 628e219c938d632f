#include "format/pickle.h"

#include <charconv>

#include "format/pickle_machine.h"
#include "format/printable.h"

namespace deixis::pickle {
namespace {

constexpr int kNewestProtocol = 5;

}  // namespace

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
