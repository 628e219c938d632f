// Finds the network's own tensors among everything that people put into checkpoints: nested dicts,
// wrappers' prefixes, optimiser state, averaged copies.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "format/model_tensors.h"
#include "network/model.h"

namespace deixis {
namespace {

// Every parameter name of every known network.
const std::unordered_set<std::string>& KnownParameterNames() {
  static const std::unordered_set<std::string> names = [] {
    std::unordered_set<std::string> all;
    for (const Architecture& architecture : KnownArchitectures()) {
      for (ParameterSpec& parameter : ParametersOf(BuildGraph(architecture))) {
        all.insert(std::move(parameter.name));
      }
    }
    return all;
  }();
  return names;
}

// "state_dict/module.conv1.weight" -> "state_dict/": the dict that a tensor lies in.
std::string_view ContainerOf(std::string_view name) {
  const size_t slash = name.find_last_of('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash + 1);
}

// All prefixes that could stand before a parameter's name: what ends before the first component or
// after any '.' of the part behind the container.
std::vector<std::string_view> PrefixesOf(std::string_view name) {
  const std::string_view container = ContainerOf(name);
  std::vector<std::string_view> prefixes = {container};
  for (size_t i = container.size(); i < name.size(); ++i) {
    if (name[i] == '.') prefixes.push_back(name.substr(0, i + 1));
  }
  return prefixes;
}

struct Candidate {
  size_t num_known = 0;    // names of a known network once the prefix is gone
  size_t first_index = 0;  // of its first tensor in the file
};

// The prefix under which the most names are known; of several, the shortest, then the first in the
// file. Empty map: no name is known under any prefix.
std::map<std::string_view, Candidate> CountKnownNames(const std::vector<NamedTensor>& tensors) {
  std::map<std::string_view, Candidate> candidates;
  const auto& known = KnownParameterNames();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string_view name = tensors[i].name;
    for (const std::string_view prefix : PrefixesOf(name)) {
      if (!known.contains(std::string(name.substr(prefix.size())))) continue;
      auto [candidate, is_new] = candidates.try_emplace(prefix);
      if (is_new) candidate->second.first_index = i;
      ++candidate->second.num_known;
    }
  }
  return candidates;
}

std::vector<NamedTensor> TakePrefix(const std::vector<NamedTensor>& tensors,
                                    std::string_view prefix) {
  std::vector<NamedTensor> taken;
  for (const NamedTensor& named : tensors) {
    if (!named.name.starts_with(prefix)) continue;
    std::string rest = named.name.substr(prefix.size());
    if (rest.find('/') != std::string::npos) continue;  // of a dict inside this one
    taken.push_back({std::move(rest), named.tensor});
  }
  return taken;
}

// The dict with most of the tensors, "module." removed when all of it has it; all tensors as they
// are named when they are scattered over many dicts.
std::vector<NamedTensor> LargestDict(const std::vector<NamedTensor>& tensors) {
  std::map<std::string_view, size_t> sizes;
  std::string_view largest;
  for (const NamedTensor& named : tensors) ++sizes[ContainerOf(named.name)];
  for (const NamedTensor& named : tensors) {  // in the file's order, so the first of equals
    const std::string_view container = ContainerOf(named.name);
    if (sizes[container] > sizes[largest]) largest = container;
  }
  if (2 * sizes[largest] < tensors.size()) return tensors;
  std::vector<NamedTensor> taken = TakePrefix(tensors, largest);
  static constexpr std::string_view kDataParallel = "module.";
  if (std::ranges::all_of(
          taken, [](const NamedTensor& named) { return named.name.starts_with(kDataParallel); })) {
    for (NamedTensor& named : taken) named.name.erase(0, kDataParallel.size());
  }
  return taken;
}

}  // namespace

std::vector<NamedTensor> StateDictOf(const TensorFile& file) {
  if (HasModelMetadata(file)) return file.tensors;
  const auto candidates = CountKnownNames(file.tensors);
  const auto best = std::ranges::max_element(candidates, [](const auto& a, const auto& b) {
    if (a.second.num_known != b.second.num_known) return a.second.num_known < b.second.num_known;
    if (a.first.size() != b.first.size()) return a.first.size() > b.first.size();
    return a.second.first_index > b.second.first_index;
  });
  if (best == candidates.end()) return LargestDict(file.tensors);
  return TakePrefix(file.tensors, best->first);
}

}  // namespace deixis
