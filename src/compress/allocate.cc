#include "compress/allocate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace deixis {
namespace {

constexpr int64_t kMaxSteps = 1 << 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Status CheckOptions(const std::vector<LayerOptions>& layers) {
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    bool any = false;
    for (const LayerOption& option : layers[layer]) {
      if (option.num_bytes < 0) {
        return InvalidData("layer " + std::to_string(layer) + ": expected a size, found " +
                           std::to_string(option.num_bytes) + " bytes");
      }
      any |= std::isfinite(option.damage);
    }
    if (!any) {
      return InvalidData("layer " + std::to_string(layer) +
                         ": expected an option with a finite damage, found none");
    }
  }
  return Ok();
}

// The options that `better` puts first, one per layer.
template <typename Better>
Allocation PickEach(const std::vector<LayerOptions>& layers, const Better& better) {
  Allocation allocation;
  for (const LayerOptions& options : layers) {
    int best = -1;
    for (int o = 0; o < static_cast<int>(options.size()); ++o) {
      if (!std::isfinite(options[o].damage)) continue;
      if (best < 0 || better(options[o], options[best])) best = o;
    }
    allocation.choice.push_back(best);
    allocation.num_bytes += options[best].num_bytes;
    allocation.damage += options[best].damage;
  }
  return allocation;
}

Allocation Smallest(const std::vector<LayerOptions>& layers) {
  return PickEach(layers, [](const LayerOption& a, const LayerOption& b) {
    return a.num_bytes != b.num_bytes ? a.num_bytes < b.num_bytes : a.damage < b.damage;
  });
}

Allocation LeastDamaged(const std::vector<LayerOptions>& layers) {
  return PickEach(layers, [](const LayerOption& a, const LayerOption& b) {
    return a.damage != b.damage ? a.damage < b.damage : a.num_bytes < b.num_bytes;
  });
}

// For every size of so many steps the least damage of exactly that size, sizes of options rounded
// up to whole steps.
class SizeTable {
 public:
  SizeTable(const std::vector<LayerOptions>& layers, int64_t max_bytes)
      : layers_(layers),
        step_bytes_(std::max<int64_t>(1, (max_bytes + kMaxSteps - 1) / kMaxSteps)),
        num_sizes_(max_bytes / step_bytes_ + 1) {
    std::vector<double> previous(num_sizes_, kInfinity);
    std::vector<double> current(num_sizes_);
    previous[0] = 0;
    for (const LayerOptions& options : layers) {
      std::fill(current.begin(), current.end(), kInfinity);
      std::vector<int16_t>& choice = choice_.emplace_back(num_sizes_, int16_t{-1});
      for (size_t o = 0; o < options.size(); ++o) {
        if (!std::isfinite(options[o].damage)) continue;
        const int64_t steps = Steps(options[o]);
        for (int64_t size = steps; size < num_sizes_; ++size) {
          const double damage = previous[size - steps] + options[o].damage;
          if (damage < current[size]) {
            current[size] = damage;
            choice[size] = static_cast<int16_t>(o);
          }
        }
      }
      std::swap(previous, current);
    }
    damage_ = std::move(previous);
  }

  int64_t num_sizes() const { return num_sizes_; }
  int64_t step_bytes() const { return step_bytes_; }
  double damage(int64_t size) const { return damage_[size]; }

  // Of a size whose damage is finite.
  Allocation At(int64_t size) const {
    Allocation allocation;
    allocation.choice.resize(layers_.size());
    for (size_t layer = layers_.size(); layer-- > 0;) {
      const int choice = choice_[layer][size];
      const LayerOption& option = layers_[layer][choice];
      allocation.choice[layer] = choice;
      allocation.num_bytes += option.num_bytes;
      size -= Steps(option);
    }
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      allocation.damage += layers_[layer][allocation.choice[layer]].damage;
    }
    return allocation;
  }

 private:
  int64_t Steps(const LayerOption& option) const {
    return (option.num_bytes + step_bytes_ - 1) / step_bytes_;
  }

  const std::vector<LayerOptions>& layers_;
  int64_t step_bytes_;
  int64_t num_sizes_;
  std::vector<double> damage_;                // by size, all layers
  std::vector<std::vector<int16_t>> choice_;  // [layer][size]
};

// Uses the bytes that rounding left over: the change of one layer that fits and lowers the damage
// most, as long as there is one.
void FillGreedily(const std::vector<LayerOptions>& layers, int64_t target_bytes,
                  Allocation& allocation) {
  while (true) {
    double best_damage = 0;
    int64_t best_bytes = 0;
    std::optional<std::pair<size_t, int>> best;
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      const LayerOption& now = layers[layer][allocation.choice[layer]];
      for (size_t o = 0; o < layers[layer].size(); ++o) {
        const LayerOption& option = layers[layer][o];
        const int64_t more_bytes = option.num_bytes - now.num_bytes;
        const double more_damage = option.damage - now.damage;
        if (allocation.num_bytes + more_bytes > target_bytes || !(more_damage < best_damage)) {
          continue;
        }
        best_damage = more_damage;
        best_bytes = more_bytes;
        best = {layer, static_cast<int>(o)};
      }
    }
    if (!best) return;
    allocation.choice[best->first] = best->second;
    allocation.num_bytes += best_bytes;
    allocation.damage += best_damage;
  }
}

}  // namespace

Result<Allocation> AllocateForBytes(const std::vector<LayerOptions>& layers, int64_t target_bytes) {
  DEIXIS_RETURN_IF_ERROR(CheckOptions(layers));
  const Allocation smallest = Smallest(layers);
  if (smallest.num_bytes > target_bytes) {
    return UsageError("target of " + std::to_string(target_bytes) +
                          " bytes: the smallest form of every layer takes " +
                          std::to_string(smallest.num_bytes) + " bytes",
                      "ask for at least that, or allow fewer centroids");
  }
  const Allocation least_damaged = LeastDamaged(layers);
  if (least_damaged.num_bytes <= target_bytes) return least_damaged;

  const SizeTable table(layers, target_bytes);
  // Rounding up counts at most a step per layer too much.
  const auto min_bytes =
      static_cast<int64_t>(std::ceil(kMinFill * static_cast<double>(target_bytes)));
  const auto best_from = [&](int64_t first) {
    int64_t best = -1;
    for (int64_t size = first; size < table.num_sizes(); ++size) {
      if (table.damage(size) < (best < 0 ? kInfinity : table.damage(best))) best = size;
    }
    return best;
  };
  const int64_t rounding = table.step_bytes() == 1 ? 0 : static_cast<int64_t>(layers.size());
  const int64_t first = (min_bytes + table.step_bytes() - 1) / table.step_bytes() + rounding;
  int64_t size = best_from(std::min(first, table.num_sizes()));
  if (size < 0) size = best_from(0);
  // Each layer's smallest form fits, but rounded up they may not.
  Allocation allocation = size < 0 ? smallest : table.At(size);
  FillGreedily(layers, target_bytes, allocation);
  return allocation;
}

Result<Allocation> AllocateForDamage(const std::vector<LayerOptions>& layers, double max_damage) {
  DEIXIS_RETURN_IF_ERROR(CheckOptions(layers));
  Allocation best = LeastDamaged(layers);
  if (!(best.damage <= max_damage)) {
    return UsageError("damage of at most " + std::to_string(max_damage) +
                          ": the best form of every layer adds up to " +
                          std::to_string(best.damage),
                      "allow more, or more centroids");
  }
  const SizeTable table(layers, best.num_bytes);
  for (int64_t size = 0; size < table.num_sizes(); ++size) {
    if (!(table.damage(size) <= max_damage)) continue;
    Allocation allocation = table.At(size);
    if (allocation.num_bytes < best.num_bytes) best = std::move(allocation);
    break;
  }
  return best;
}

}  // namespace deixis
