#include "pipeline/teach_locator.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "compress/metrics.h"
#include "pipeline/folds.h"
#include "pipeline/ridge.h"
#include "pipeline/sharpness.h"
#include "vision/geometry.h"

namespace deixis {
namespace {

// Samples of one category, each in the role that its side gives it.
struct Roles {
  std::vector<int64_t> taught;    // chooses the penalty
  std::vector<int64_t> held_out;  // judges it
  std::vector<int64_t> final;     // teaches the head that is given out
};

class Locator {
 public:
  Locator(const PictureSet& pictures, const Embeddings& embeddings, const Split& split,
          ThreadPool& pool)
      : pictures_(pictures),
        embeddings_(embeddings),
        split_(split),
        kernel_(CentredKernel(embeddings.values, embeddings.num_pictures(), embeddings.length(),
                              pool)) {}

  Result<QuickTeachResult> Teach(const Model& backbone) {
    const Dataset& dataset = pictures_.dataset();
    const bool tells_presence = std::ranges::any_of(
        dataset.samples, [](const Sample& sample) { return !sample.point_px.has_value(); });
    const int num_outputs = (tells_presence ? 3 : 2) * dataset.num_classes;
    dual_ = Matrix::Zero(embeddings_.num_pictures(), num_outputs);
    bias_ = Vector::Zero(num_outputs);
    for (int label = 0; label < dataset.num_classes; ++label) {
      const Roles marked = RolesOf(label, /*is_marked=*/true);
      const Roles absent = RolesOf(label, /*is_marked=*/false);
      DEIXIS_RETURN_IF_ERROR(CheckCounts(label, marked, absent, tells_presence));
      TeachPlace(label, marked);
      if (tells_presence) TeachPresence(label, marked, absent);
    }
    result_.held_out_presence_roc = AreaUnderRoc(where_marked_, where_absent_);
    result_.held_out_presence_fpr95 = FalsePositivesAtRecall(where_marked_, where_absent_, 0.95);
    result_.held_out_error_px =
        distance_px_ / static_cast<double>(std::max<int64_t>(result_.held_out_images, 1));
    SetModel(backbone);
    result_.model.task = Task::kLocate;
    result_.model.tells_presence = tells_presence;
    return std::move(result_);
  }

 private:
  Roles RolesOf(int label, bool is_marked) const {
    Roles roles;
    for (int64_t i = 0; i < pictures_.size(); ++i) {
      const Sample& sample = pictures_.sample(i);
      if (sample.label != label || sample.point_px.has_value() != is_marked) continue;
      (split_.held_out[i] ? roles.held_out : roles.taught).push_back(i);
      if (!sample.held_out.value_or(false)) roles.final.push_back(i);
    }
    return roles;
  }

  Status CheckCounts(int label, const Roles& marked, const Roles& absent,
                     bool tells_presence) const {
    const Dataset& dataset = pictures_.dataset();
    const bool has_name = label < static_cast<int>(dataset.class_names.size());
    const std::string of = dataset.folder + ": category \"" +
                           (has_name ? dataset.class_names[label] : std::to_string(label)) + "\"";
    if (marked.taught.size() < kLeastPictures) {
      return InvalidData(of + ": expected at least 5 marked pictures to teach it, found " +
                             std::to_string(marked.taught.size()),
                         "mark more of them");
    }
    if (tells_presence && absent.taught.size() < kLeastPictures) {
      return InvalidData(of +
                             ": expected at least 5 pictures that lack the thing to teach it, or "
                             "none in the whole folder, found " +
                             std::to_string(absent.taught.size()),
                         "add pictures without it");
    }
    return Ok();
  }

  std::vector<int64_t> RowsOf(const std::vector<int64_t>& samples) const {
    std::vector<int64_t> rows;
    for (const int64_t sample : samples) rows.push_back(embeddings_.row_of_sample[sample]);
    return rows;
  }

  std::vector<int> FoldsFor(const std::vector<int64_t>& samples) const {
    std::vector<int> units;
    std::vector<int> labels;
    for (const int64_t sample : samples) {
      units.push_back(split_.unit[sample]);
      labels.push_back(pictures_.sample(sample).point_px ? 1 : 0);
    }
    return FoldsOf(units, labels, kTeachingFolds);
  }

  PictureSize SizeOf(int64_t sample) const {
    return embeddings_.sizes[embeddings_.row_of_sample[sample]];
  }

  Matrix PlacesOf(const std::vector<int64_t>& samples) const {
    Matrix places(samples.size(), 2);
    for (size_t i = 0; i < samples.size(); ++i) {
      const Point unit = UnitFromPixel(*pictures_.sample(samples[i]).point_px, SizeOf(samples[i]),
                                       pictures_.preprocessing());
      places.row(i) << unit.x, unit.y;
    }
    return places;
  }

  // What is predicted for pictures that did not teach: those of the held-out side, or, where it has
  // none of this kind, each by the fit that leaves its fold out.
  struct Judged {
    std::vector<int64_t> samples;
    Matrix predictions;
  };
  Judged Judge(const std::vector<int64_t>& taught, const std::vector<int64_t>& held_out,
               const Matrix& targets, const RidgeChoice& choice) const {
    if (held_out.empty()) return {.samples = taught, .predictions = choice.held_out};
    const RidgeFit fit = FitRidge(kernel_, RowsOf(taught), targets, choice.penalty);
    return {.samples = held_out, .predictions = fit.Predict(kernel_, RowsOf(held_out))};
  }

  // Outputs first_output and on become `sharpness` times a fit to the samples.
  void SetOutputs(int first_output, const std::vector<int64_t>& samples, const Matrix& targets,
                  double penalty, double sharpness) {
    const RidgeFit fit = FitRidge(kernel_, RowsOf(samples), targets, penalty);
    for (size_t i = 0; i < fit.rows.size(); ++i) {
      dual_.row(fit.rows[i]).segment(first_output, targets.cols()) += sharpness * fit.dual.row(i);
    }
    bias_.segment(first_output, targets.cols()) = sharpness * fit.bias;
  }

  void TeachPlace(int label, const Roles& marked) {
    const Matrix targets = PlacesOf(marked.taught);
    const RidgeChoice choice =
        ChooseRidge(kernel_, RowsOf(marked.taught), targets, FoldsFor(marked.taught));
    const Judged judged = Judge(marked.taught, marked.held_out, targets, choice);
    for (size_t i = 0; i < judged.samples.size(); ++i) {
      const Point answer = PixelFromUnit({judged.predictions(i, 0), judged.predictions(i, 1)},
                                         SizeOf(judged.samples[i]), pictures_.preprocessing());
      const Point& mark = *pictures_.sample(judged.samples[i]).point_px;
      distance_px_ += std::hypot(answer.x - mark.x, answer.y - mark.y);
    }
    SetOutputs(2 * label, marked.final, PlacesOf(marked.final), choice.penalty, 1.0);
    result_.images += static_cast<int64_t>(marked.final.size());
    result_.held_out_images += static_cast<int64_t>(judged.samples.size());
    result_.penalty = choice.penalty;
  }

  static Matrix Signs(size_t num_there, size_t num_absent) {
    Matrix signs(num_there + num_absent, 1);
    signs.topRows(num_there).setConstant(1);
    signs.bottomRows(num_absent).setConstant(-1);
    return signs;
  }

  static std::vector<int64_t> Joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  void TeachPresence(int label, const Roles& marked, const Roles& absent) {
    const std::vector<int64_t> taught = Joined(marked.taught, absent.taught);
    const Matrix targets = Signs(marked.taught.size(), absent.taught.size());
    const RidgeChoice choice = ChooseRidge(kernel_, RowsOf(taught), targets, FoldsFor(taught));
    const double sharpness = ChooseSharpness([&](double factor) {
      double cost = 0;
      for (int64_t i = 0; i < targets.rows(); ++i) {
        cost += std::log1p(std::exp(-factor * targets(i, 0) * choice.held_out(i, 0)));
      }
      return cost;
    });
    const Judged judged = Judge(taught, Joined(marked.held_out, absent.held_out), targets, choice);
    for (size_t i = 0; i < judged.samples.size(); ++i) {
      const bool is_there = pictures_.sample(judged.samples[i]).point_px.has_value();
      (is_there ? where_marked_ : where_absent_)
          .push_back(Logistic(sharpness * judged.predictions(i, 0)));
    }
    SetOutputs(2 * pictures_.dataset().num_classes + label, Joined(marked.final, absent.final),
               Signs(marked.final.size(), absent.final.size()), choice.penalty, sharpness);
  }

  // Weights are the centred embeddings weighed by the dual: w = Xᵀ a, from channels inside to
  // PyTorch's channels outside.
  void SetModel(const Model& backbone) {
    const int64_t length = embeddings_.length();
    const int64_t pixels = embeddings_.map.num_pixels();
    const auto num_outputs = static_cast<int64_t>(bias_.size());
    std::vector<double> mean(static_cast<size_t>(length));
    for (int64_t row = 0; row < embeddings_.num_pictures(); ++row) {
      const std::span<const float> values = embeddings_.Row(row);
      for (int64_t i = 0; i < length; ++i) mean[i] += values[i];
    }
    for (double& value : mean) value /= static_cast<double>(embeddings_.num_pictures());
    std::vector<float> weight(static_cast<size_t>(num_outputs * length));
    std::vector<float> bias;
    std::vector<double> sum(static_cast<size_t>(length));
    for (int64_t o = 0; o < num_outputs; ++o) {
      std::ranges::fill(sum, 0.0);
      for (int64_t row = 0; row < embeddings_.num_pictures(); ++row) {
        const double factor = dual_(row, o);
        if (factor == 0) continue;
        const std::span<const float> values = embeddings_.Row(row);
        for (int64_t i = 0; i < length; ++i) sum[i] += factor * (values[i] - mean[i]);
      }
      double offset = bias_[o];
      for (int64_t i = 0; i < length; ++i) {
        offset -= sum[i] * mean[i];
        const int64_t place = i % embeddings_.channels * pixels + i / embeddings_.channels;
        weight[o * length + place] = static_cast<float>(sum[i]);
      }
      bias.push_back(static_cast<float>(offset));
    }
    result_.model = WithHead(backbone, HeadKind::kFlatten, pictures_.preprocessing(),
                             std::move(weight), std::move(bias));
  }

  const PictureSet& pictures_;
  const Embeddings& embeddings_;
  const Split& split_;
  Matrix kernel_;  // of all pictures
  Matrix dual_;    // [pictures, outputs]
  Vector bias_;    // [outputs]
  double distance_px_ = 0;
  std::vector<double> where_marked_;  // held-out probabilities of presence
  std::vector<double> where_absent_;
  QuickTeachResult result_;
};

}  // namespace

Result<QuickTeachResult> TeachLocator(const Model& backbone, const PictureSet& pictures,
                                      const Embeddings& embeddings, const Split& split,
                                      ThreadPool& pool) {
  return Locator(pictures, embeddings, split, pool).Teach(backbone);
}

}  // namespace deixis
