#include "format/pth_graph.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <tuple>

#include "base/checked.h"
#include "format/printable.h"
#include "format/pth_tensor.h"

namespace deixis::pth {
namespace {

using pickle::Kind;
using pickle::kNoRef;
using pickle::Object;
using pickle::Pickle;
using pickle::Ref;

// Python's repr(): the shortest digits that give the same number, "42.0" rather than "42".
std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double magnitude = std::fabs(value);
  const bool is_fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value,
                    is_fixed ? std::chars_format::fixed : std::chars_format::scientific)
          .ptr;
  std::string text(buffer, end);
  if (is_fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

// The low bytes of an integer beyond 64 bits, as hexadecimal digits.
std::string BigIntText(std::string_view twos_complement) {
  if (twos_complement.size() > 32) {
    return std::to_string(8 * twos_complement.size()) + "-bit integer";
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (size_t i = twos_complement.size(); i-- > 0;) {
    text += kDigits[static_cast<uint8_t>(twos_complement[i]) >> 4];
    text += kDigits[static_cast<uint8_t>(twos_complement[i]) & 15];
  }
  return text;
}

// Walks the graph from its root, gives every object on the way the name of its path, and collects
// what is a tensor or a plain value.
class Walker {
 public:
  Walker(const Pickle& pickle, std::span<const Storage> storages, std::shared_ptr<const void> owner,
         const GraphLimits& limits, TensorFile& file)
      : pickle_(pickle),
        tensors_(pickle, storages, std::move(owner), limits),
        limits_(limits),
        file_(file),
        is_open_(pickle.size(), false) {}

  Status Walk() {
    DEIXIS_RETURN_IF_ERROR(Visit(pickle_.root()));
    return CheckUniqueNames();
  }

 private:
  Status Visit(Ref ref);
  Status VisitCall(Ref ref);
  Status VisitContainer(Ref ref);
  Status VisitElements(const std::vector<Ref>& items);
  Status VisitPairs(const std::vector<Ref>& items);
  Status VisitDictContent(Ref ref);
  Status VisitChild(std::string_view key, Ref child);
  Status AddTensor(Ref ref);
  Status AddValue(std::string text);
  Status Charge(size_t text_bytes);
  Status CountVisits(size_t count);
  Status CheckUniqueNames() const;
  std::string KeyText(Ref ref, size_t position) const;
  std::string Name(std::string_view what) const {
    return std::string(path_.empty() ? what : std::string_view(path_));
  }

  const Pickle& pickle_;
  TensorBuilder tensors_;
  GraphLimits limits_;
  TensorFile& file_;
  std::vector<bool> is_open_;  // objects that the walk is inside of
  std::string path_;
  size_t depth_ = 0;
  size_t num_visits_ = 0;
  size_t num_text_bytes_ = 0;
};

Status Walker::Charge(size_t text_bytes) {
  num_text_bytes_ += text_bytes;
  if (num_text_bytes_ > limits_.max_text_bytes) {
    return InvalidData(
        "its names and values take more than " + std::to_string(limits_.max_text_bytes) + " bytes",
        "save the state dict alone: torch.save(model.state_dict(), ...)");
  }
  return Ok();
}

Status Walker::CountVisits(size_t count) {
  num_visits_ += count;
  if (num_visits_ > limits_.max_visits) {
    return InvalidData("more than " + std::to_string(limits_.max_visits) +
                           " entries when its references are followed",
                       "the file is hostile; get it from a source that you trust");
  }
  return Ok();
}

Status Walker::AddValue(std::string text) {
  std::string name = Name("value");
  DEIXIS_RETURN_IF_ERROR(Charge(name.size() + text.size()));
  file_.values.emplace_back(std::move(name), std::move(text));
  return Ok();
}

Status Walker::AddTensor(Ref ref) {
  std::string name = Name("tensor");
  auto tensor = tensors_.Build(ref);
  if (!tensor.ok()) return tensor.error().WithContext("tensor " + Quoted(name));
  DEIXIS_RETURN_IF_ERROR(Charge(name.size() + sizeof(int64_t) * tensor->shape().size()));
  file_.tensors.push_back({std::move(name), *std::move(tensor)});
  return Ok();
}

Status Walker::Visit(Ref ref) {
  DEIXIS_RETURN_IF_ERROR(CountVisits(1));
  const Object& object = pickle_[ref];
  switch (object.kind) {
    case Kind::kNone:
      return AddValue("None");
    case Kind::kBool:
      return AddValue(object.integer != 0 ? "True" : "False");
    case Kind::kInt:
      return AddValue(std::to_string(object.integer));
    case Kind::kBigInt:
      return AddValue(BigIntText(object.text));
    case Kind::kFloat:
      return AddValue(FloatText(object.real));
    case Kind::kText:
      DEIXIS_RETURN_IF_ERROR(Charge(object.text.size()));  // before it is copied
      return AddValue(Printable(object.text));
    case Kind::kBytes:
      return AddValue(std::to_string(object.text.size()) + " bytes");
    case Kind::kGlobal:
      if (IsDTypeName(object.text, object.name)) return AddValue(pickle_.GlobalName(ref));
      return Ok();
    case Kind::kPersistent:
      return Ok();  // a bare storage, or the class of an old module
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kDict:
      return VisitContainer(ref);
    case Kind::kCall:
      return VisitCall(ref);
  }
  return Ok();
}

Status Walker::VisitCall(Ref ref) {
  const Object& call = pickle_[ref];
  if (tensors_.IsTensor(ref)) return AddTensor(ref);
  if (tensors_.IsUnsupportedTensor(ref)) {
    return InvalidData("tensor " + Quoted(Name("tensor")) + ": it is " + pickle_.Describe(ref) +
                           ", which is not supported",
                       "save it as an ordinary dense tensor");
  }
  if (pickle_.IsGlobal(call.target, "torch", "device") && call.arguments != kNoRef) {
    std::string text;
    for (const Ref part : pickle_[call.arguments].items) {
      const Object& object = pickle_[part];
      DEIXIS_RETURN_IF_ERROR(Charge(object.text.size()));
      if (!text.empty()) text += ':';
      text += object.kind == Kind::kInt ? std::to_string(object.integer) : Printable(object.text);
    }
    return AddValue(std::move(text));
  }
  return VisitContainer(ref);
}

// Everything that holds other objects, placeholders included: what has been appended to them, set
// in them or was to be their state is plain data whatever their class would have made of it.
Status Walker::VisitContainer(Ref ref) {
  if (is_open_[ref]) return Ok();  // it contains itself; the outer visit has it all
  if (++depth_ > limits_.max_depth) {
    return InvalidData("containers nest deeper than " + std::to_string(limits_.max_depth),
                       "save the state dict alone: torch.save(model.state_dict(), ...)");
  }
  is_open_[ref] = true;
  const Object& object = pickle_[ref];
  if (object.kind == Kind::kDict) {
    DEIXIS_RETURN_IF_ERROR(VisitPairs(object.items));
  } else if (object.kind != Kind::kCall) {
    DEIXIS_RETURN_IF_ERROR(VisitElements(object.items));
  } else {
    // Of calls only these two have a meaning here: their one argument, if any, is the content.
    const bool is_ordered_dict = pickle_.IsGlobal(object.target, "collections", "OrderedDict");
    const bool is_size = pickle_.IsGlobal(object.target, "torch", "Size");
    const auto& arguments = pickle_[object.arguments].items;
    if (is_ordered_dict && !arguments.empty()) {
      DEIXIS_RETURN_IF_ERROR(VisitDictContent(arguments[0]));
    }
    if (is_size && !arguments.empty()) DEIXIS_RETURN_IF_ERROR(Visit(arguments[0]));
    DEIXIS_RETURN_IF_ERROR(VisitElements(object.items));
    DEIXIS_RETURN_IF_ERROR(VisitPairs(object.pairs));
    // The attributes of an OrderedDict (a state dict's _metadata) are not among its keys.
    if (!is_ordered_dict && object.state != kNoRef) DEIXIS_RETURN_IF_ERROR(Visit(object.state));
  }
  is_open_[ref] = false;
  --depth_;
  return Ok();
}

// What an OrderedDict is made of: another dict, or a list of pairs, as Python 2 writes it.
Status Walker::VisitDictContent(Ref ref) {
  const Object& content = pickle_[ref];
  if (content.kind != Kind::kList && content.kind != Kind::kTuple) return Visit(ref);
  DEIXIS_RETURN_IF_ERROR(CountVisits(content.items.size()));
  std::vector<Ref> pairs;
  for (const Ref pair : content.items) {
    const auto& parts = pickle_[pair].items;
    if (parts.size() == 2) pairs.insert(pairs.end(), parts.begin(), parts.end());
  }
  return VisitPairs(pairs);
}

Status Walker::VisitChild(std::string_view key, Ref child) {
  DEIXIS_RETURN_IF_ERROR(Charge(key.size()));
  const size_t path_bytes = path_.size();
  if (path_bytes > 0) path_ += '/';
  path_ += key;
  DEIXIS_RETURN_IF_ERROR(Visit(child));
  path_.resize(path_bytes);
  return Ok();
}

Status Walker::VisitElements(const std::vector<Ref>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    DEIXIS_RETURN_IF_ERROR(VisitChild(std::to_string(i), items[i]));
  }
  return Ok();
}

std::string Walker::KeyText(Ref ref, size_t position) const {
  const Object& key = pickle_[ref];
  switch (key.kind) {
    case Kind::kText:
      return Printable(key.text);
    case Kind::kInt:
      return std::to_string(key.integer);
    case Kind::kBool:
      return key.integer != 0 ? "True" : "False";
    case Kind::kFloat:
      return FloatText(key.real);
    case Kind::kNone:
      return "None";
    default:
      return "key" + std::to_string(position);
  }
}

// As in Python, a key that is set again keeps its place and takes the new value. Keys that only
// look the same, 1 and "1", are two keys.
Status Walker::VisitPairs(const std::vector<Ref>& items) {
  struct Entry {
    std::string name;
    Kind kind;
    std::string_view text;  // of a text, as it is in the file
    size_t position;
    Ref value;
    auto Identity() const { return std::tie(kind, text, name); }
  };
  DEIXIS_RETURN_IF_ERROR(CountVisits(items.size() / 2));
  std::vector<Entry> entries;
  entries.reserve(items.size() / 2);
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    const Object& key = pickle_[items[i]];
    DEIXIS_RETURN_IF_ERROR(Charge(key.text.size()));
    entries.push_back({KeyText(items[i], i / 2), key.kind, key.text, i / 2, items[i + 1]});
  }
  std::vector<size_t> order(entries.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return entries[a].Identity() < entries[b].Identity();
  });
  std::vector<bool> is_superseded(entries.size(), false);
  for (size_t i = 1, first = 0; i < order.size(); ++i) {
    if (entries[order[i]].Identity() != entries[order[first]].Identity()) {
      first = i;
      continue;
    }
    entries[order[first]].value = entries[order[i]].value;
    is_superseded[order[i]] = true;
  }
  for (const Entry& entry : entries) {
    if (is_superseded[entry.position]) continue;
    DEIXIS_RETURN_IF_ERROR(VisitChild(entry.name, entry.value));
  }
  return Ok();
}

// A key that contains a '/' can name what a nested container names too.
Status Walker::CheckUniqueNames() const {
  std::vector<std::string_view> names;
  names.reserve(file_.tensors.size());
  for (const NamedTensor& named : file_.tensors) names.push_back(named.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return Ok();
  return InvalidData("two tensors are named " + Quoted(*twice),
                     "save one of the nested dicts alone");
}

}  // namespace

std::vector<std::string> InertGlobals(const Pickle& pickle, size_t max_count) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (Ref ref = 0; ref < pickle.size(); ++ref) {
    if (pickle[ref].kind != Kind::kGlobal) continue;
    if (IsInterpreted(pickle[ref].text, pickle[ref].name)) continue;
    std::string name = pickle.GlobalName(ref);
    if (!seen.insert(name).second) continue;
    if (names.size() == max_count) {
      names.push_back("and more");
      break;
    }
    names.push_back(std::move(name));
  }
  return names;
}

Status ReadGraph(const Pickle& pickle, std::span<const Storage> storages,
                 std::shared_ptr<const void> owner, const GraphLimits& limits, TensorFile& file) {
  file.inert_globals = InertGlobals(pickle, limits.max_inert_globals);
  return Walker(pickle, storages, std::move(owner), limits, file).Walk();
}

}  // namespace deixis::pth
