#include "train/score.h"

#include <algorithm>
#include <cmath>

#include "vision/csv.h"

namespace deixis {
namespace {

void JudgeNames(const Judgement& judgement, std::span<const float> outputs,
                std::span<const SampleTarget> targets, Score& score) {
  const auto count = static_cast<size_t>(judgement.num_categories);
  score.confusion.assign(count, std::vector<int64_t>(count));
  int64_t correct = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::span<const float> logits = outputs.subspan(i * count, count);
    const auto largest = std::ranges::max_element(logits);
    const auto truth = static_cast<size_t>(targets[i].label);
    const auto answer = static_cast<size_t>(largest - logits.begin());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - *largest));
    score.loss += std::log(sum) - static_cast<double>(logits[truth] - *largest);
    ++score.confusion[truth][answer];
    correct += answer == truth ? 1 : 0;
  }
  score.top1 = static_cast<double>(correct) / static_cast<double>(targets.size());
  score.loss /= static_cast<double>(targets.size());
}

// As numpy's percentile: linear between neighbours.
double QuantileOf(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double ErrorPx(const Judgement& judgement, const Preprocessing& preprocessing, const Point& answer,
               const PlaceTarget& place, const PictureSize& size) {
  const Point found = PixelFromUnit(answer, size, preprocessing);
  const Point truth = PixelFromUnit(place.unit, size, preprocessing);
  double x = found.x - truth.x;
  double y = found.y - truth.y;
  if (judgement.error_size) {
    x *= static_cast<double>(judgement.error_size->width_px) / static_cast<double>(size.width_px);
    y *= static_cast<double>(judgement.error_size->height_px) / static_cast<double>(size.height_px);
  }
  return std::hypot(x, y);
}

void JudgePlaces(const Judgement& judgement, const Preprocessing& preprocessing,
                 std::span<const float> outputs, std::span<const SampleTarget> targets,
                 Score& score) {
  const auto categories = static_cast<size_t>(judgement.num_categories);
  const size_t num_outputs = categories * (judgement.tells_presence ? 3 : 2);
  std::vector<double> errors_px;
  int64_t presence_right = 0;
  int64_t asked = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::span<const float> answer = outputs.subspan(i * num_outputs, num_outputs);
    for (const PlaceTarget& place : targets[i].places) {
      const auto category = static_cast<size_t>(place.category);
      ++asked;
      if (judgement.tells_presence) {
        presence_right += (answer[2 * categories + category] > 0) == place.is_present ? 1 : 0;
      }
      if (!place.is_present) continue;
      const Point unit{answer[2 * category], answer[2 * category + 1]};
      const double x = unit.x - place.unit.x;
      const double y = unit.y - place.unit.y;
      score.loss += x * x + y * y;
      errors_px.push_back(ErrorPx(judgement, preprocessing, unit, place, targets[i].size));
      score.mean_error_px += errors_px.back();
    }
  }
  if (judgement.tells_presence) {
    score.presence_accuracy =
        static_cast<double>(presence_right) / static_cast<double>(std::max<int64_t>(1, asked));
  }
  score.marked = static_cast<int64_t>(errors_px.size());
  if (errors_px.empty()) return;
  score.loss /= static_cast<double>(errors_px.size());
  score.mean_error_px /= static_cast<double>(errors_px.size());
  std::ranges::sort(errors_px);
  score.median_error_px = QuantileOf(errors_px, 0.5);
  score.p95_error_px = QuantileOf(errors_px, 0.95);
}

}  // namespace

Score Judge(const Judgement& judgement, const Preprocessing& preprocessing,
            std::span<const float> outputs, std::span<const SampleTarget> targets) {
  Score score;
  score.images = static_cast<int64_t>(targets.size());
  if (targets.empty()) return score;
  if (judgement.task == Task::kClassify) {
    JudgeNames(judgement, outputs, targets, score);
  } else {
    JudgePlaces(judgement, preprocessing, outputs, targets, score);
  }
  return score;
}

bool IsBetter(Task task, const Score& a, const Score& b) {
  if (task == Task::kClassify) return a.top1 != b.top1 ? a.top1 > b.top1 : a.loss < b.loss;
  if (a.marked == 0) return a.presence_accuracy.value_or(0) > b.presence_accuracy.value_or(0);
  return a.mean_error_px != b.mean_error_px ? a.mean_error_px < b.mean_error_px : a.loss < b.loss;
}

Result<std::optional<PictureSize>> ParsePictureSize(const std::string& text) {
  if (text.empty()) return std::optional<PictureSize>();
  const size_t cross = text.find('x');
  const int64_t width = ParseInteger(text.substr(0, cross)).value_or(0);
  const int64_t height =
      cross == std::string::npos ? 0 : ParseInteger(text.substr(cross + 1)).value_or(0);
  if (width < 1 || height < 1) {
    return UsageError("expected a size as 640x480, found \"" + text + "\"");
  }
  return std::optional<PictureSize>({.height_px = height, .width_px = width});
}

}  // namespace deixis
