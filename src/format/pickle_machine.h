// The stack machine that reads a pickle; part of pickle.cc and pickle_scalars.cc, for nobody else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/pickle.h"

namespace deixis::pickle {

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

}  // namespace deixis::pickle
