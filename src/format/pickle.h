// A Python pickle read as data: a graph of the objects that it describes, and nothing done about
// it.
//
// A pickle is a program for a small stack machine, and Python's own machine calls whatever
// functions the program names. This one never calls anything: a named class or function is an
// object of kind kGlobal, and "call it" is an object of kind kCall that says what would have been
// called with what. What the graph means is for its reader to decide (format/pth_graph.h). Opcodes:
// pickletools.py of CPython 3.11 is the reference for protocols 0 to 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace deixis::pickle {

// An object's position in the graph. Objects refer to each other by it, and may do so in cycles.
using Ref = uint32_t;
inline constexpr Ref kNoRef = 0xFFFFFFFF;

enum class Kind : uint8_t {
  kNone,
  kBool,        // integer
  kInt,         // integer
  kBigInt,      // text: two's complement, little-endian, more than 8 bytes
  kFloat,       // real
  kText,        // text; from protocol 0 with its escapes as they are
  kBytes,       // text
  kTuple,       // items
  kList,        // items; sets too
  kDict,        // items: key, value, key, value...
  kGlobal,      // text: the module; name: the class or function in it
  kPersistent,  // target: what the file says instead of the object (torch: a storage)
  kCall,        // target: what would be called; arguments; then items and pairs added to the result
};

// Text views the pickle's bytes.
struct Object {
  Kind kind = Kind::kNone;
  int64_t integer = 0;
  double real = 0;
  std::string_view text;
  std::string_view name;
  std::vector<Ref> items;  // kTuple, kList, kDict; kCall: elements appended to the result
  std::vector<Ref> pairs;  // kCall: keys and values set in the result
  Ref target = kNoRef;
  Ref arguments = kNoRef;  // kCall
  Ref state = kNoRef;      // what BUILD would have set: an object's attributes
};

// What bounds memory and time, whatever a pickle claims: about 150 bytes an object, 4 an opcode.
struct Limits {
  size_t max_objects = 2'000'000;
  size_t max_opcodes = 32'000'000;
  size_t max_name_bytes = 1024;          // of a class or function, and of its module
  size_t max_all_name_bytes = 32 << 20;  // of all of them together
};

class Pickle {
 public:
  // Reads one pickle at the start of `bytes`, which must outlive the graph. kInvalidData, with the
  // byte where it went wrong. O(bytes read).
  static Result<Pickle> Parse(std::span<const std::byte> bytes, const Limits& limits = {});

  const Object& operator[](Ref ref) const { return objects_[ref]; }
  size_t size() const { return objects_.size(); }
  Ref root() const { return root_; }
  // Up to and including the opcode STOP.
  size_t num_bytes() const { return num_bytes_; }

  bool IsGlobal(Ref ref, std::string_view module, std::string_view name) const;
  // "module.name", made printable.
  std::string GlobalName(Ref ref) const;
  // What an object is, for messages: "a list", "a call of os.system".
  std::string Describe(Ref ref) const;

 private:
  friend class Machine;
  std::vector<Object> objects_;
  Ref root_ = kNoRef;
  size_t num_bytes_ = 0;
};

}  // namespace deixis::pickle
