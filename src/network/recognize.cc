// Which network a state dict belongs to, by names and shapes alone; and when it belongs to none,
// what would have to change for it to fit the nearest.

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "network/architecture.h"
#include "network/graph.h"

namespace deixis {
namespace {

using TensorsByName = std::unordered_map<std::string_view, const Tensor*>;

// How the tensors differ from what an architecture has.
struct Difference {
  const Architecture* architecture = nullptr;
  std::vector<std::string> found;  // one line per tensor that differs
  size_t num_matching = 0;         // tensors of the right name and shape
};

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  quoted += name;
  return quoted += '"';
}

std::string QuotedWithShape(std::string_view name, const Shape& shape) {
  return Quoted(name) + ' ' + ToString(shape);
}

// The head's rows are free (a network taught other categories is the same network), and so is how
// it reads the last feature map: both are taken from its weight.
void TakeHead(const TensorsByName& tensors, Architecture& architecture) {
  const auto head = tensors.find(architecture.head_name + ".weight");
  const Shape shape = head == tensors.end() ? Shape() : head->second->shape();
  TakeHeadShape(shape, /*tells_presence=*/std::nullopt, architecture);
}

Difference Compare(Architecture architecture, const Architecture* known,
                   const std::vector<NamedTensor>& tensors, const TensorsByName& by_name) {
  Difference difference;
  difference.architecture = known;
  TakeHead(by_name, architecture);
  std::unordered_set<std::string_view> expected_names;
  const std::vector<ParameterSpec> parameters = ParametersOf(BuildGraph(architecture));
  for (const ParameterSpec& parameter : parameters) {
    expected_names.insert(parameter.name);
    const auto found = by_name.find(parameter.name);
    if (found == by_name.end()) {
      if (parameter.is_optional) continue;
      const bool is_head = parameter.name.starts_with(architecture.head_name + ".");
      const bool is_unknown_shape = is_head && architecture.num_outputs == 0;
      difference.found.push_back(
          "missing " + (is_unknown_shape ? Quoted(parameter.name)
                                         : QuotedWithShape(parameter.name, parameter.shape)));
      continue;
    }
    const Shape& shape = found->second->shape();
    const bool is_empty_head = found->second->num_elements() == 0;
    if (shape == parameter.shape && !is_empty_head) {
      difference.num_matching += parameter.is_optional ? 0 : 1;
    } else if (!parameter.is_optional || found->second->num_elements() != 1) {
      // Some writers keep num_batches_tracked as [1].
      difference.found.push_back(Quoted(parameter.name) + ": expected " +
                                 ToString(parameter.shape) + ", found " + ToString(shape));
    }
  }
  for (const NamedTensor& named : tensors) {
    if (expected_names.contains(named.name)) continue;
    difference.found.push_back("unexpected " + QuotedWithShape(named.name, named.tensor.shape()));
  }
  return difference;
}

constexpr const char* kRemedy =
    "known are torchvision's resnet18, 34, 50, 101 and 152 (without layer4 too), and the CIFAR "
    "resnet20, 32, 44, 56 and 110; `deixis info --tensors` lists what is in the file";

Error DescribeMisfit(const Difference& nearest, const std::vector<NamedTensor>& tensors) {
  constexpr size_t kShown = 5;
  std::string message;
  if (nearest.num_matching == 0) {
    message = "expected the tensors of a ResNet, found " + std::to_string(tensors.size()) +
              " tensors of which none has a name and shape of one";
    for (size_t i = 0; i < std::min(tensors.size(), kShown); ++i) {
      message += i == 0 ? ": " : ", ";
      message += QuotedWithShape(tensors[i].name, tensors[i].tensor.shape());
    }
    if (tensors.size() > kShown) message += ", ...";
    return InvalidData(std::move(message), kRemedy);
  }
  message = "no known network has these " + std::to_string(tensors.size()) +
            " tensors; the nearest is " + nearest.architecture->name + ", which differs in " +
            std::to_string(nearest.found.size()) + ": ";
  for (size_t i = 0; i < std::min(nearest.found.size(), kShown); ++i) {
    message += (i == 0 ? "" : "; ") + nearest.found[i];
  }
  if (nearest.found.size() > kShown) {
    message += "; and " + std::to_string(nearest.found.size() - kShown) + " more";
  }
  return InvalidData(std::move(message), kRemedy);
}

}  // namespace

Result<Architecture> RecognizeArchitecture(const std::vector<NamedTensor>& tensors) {
  if (tensors.empty()) {
    return InvalidData("expected the tensors of a ResNet, found no tensor at all", kRemedy);
  }
  TensorsByName by_name;
  for (const NamedTensor& named : tensors) {
    if (!by_name.emplace(named.name, &named.tensor).second) {
      return InvalidData("tensor " + Quoted(named.name) + " is there twice");
    }
  }
  Difference nearest;
  for (const Architecture& known : KnownArchitectures()) {
    Difference difference = Compare(known, &known, tensors, by_name);
    if (difference.found.empty()) {
      Architecture recognized = known;
      TakeHead(by_name, recognized);
      return recognized;
    }
    const bool nearer = nearest.architecture == nullptr ||
                        difference.found.size() < nearest.found.size() ||
                        (difference.found.size() == nearest.found.size() &&
                         difference.num_matching > nearest.num_matching);
    if (nearer) nearest = std::move(difference);
  }
  return DescribeMisfit(nearest, tensors);
}

}  // namespace deixis
