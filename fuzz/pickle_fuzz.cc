// Any bytes as a pickle: the graph's references must lead into the graph.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "format/pickle.h"

namespace {

using deixis::pickle::Kind;
using deixis::pickle::kNoRef;
using deixis::pickle::Object;
using deixis::pickle::Pickle;
using deixis::pickle::Ref;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckObject(const Pickle& pickle, const Object& object) {
  const auto is_inside = [&](Ref ref) { return ref < pickle.size(); };
  for (const Ref ref : object.items) Require(is_inside(ref));
  for (const Ref ref : object.pairs) Require(is_inside(ref));
  Require(object.pairs.size() % 2 == 0);
  Require(object.kind != Kind::kDict || object.items.size() % 2 == 0);
  Require(object.state == kNoRef || is_inside(object.state));
  if (object.kind == Kind::kCall) Require(is_inside(object.target) && is_inside(object.arguments));
  if (object.kind == Kind::kPersistent) Require(is_inside(object.target));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto pickle = Pickle::Parse(std::as_bytes(std::span(data, size)));
  if (!pickle.ok()) {
    Require(!pickle.error().message.empty() && !pickle.error().remedy.empty());
    return 0;
  }
  Require(pickle->root() < pickle->size() && pickle->num_bytes() <= size);
  Require(pickle->size() <= size);  // at most one object for each byte
  for (Ref ref = 0; ref < pickle->size(); ++ref) {
    CheckObject(*pickle, (*pickle)[ref]);
    Require(!pickle->Describe(ref).empty());
  }
  return 0;
}
