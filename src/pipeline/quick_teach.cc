#include "pipeline/quick_teach.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "compress/evaluate.h"
#include "compress/metrics.h"
#include "vision/geometry.h"

namespace deixis {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr int kFolds = 5;
constexpr std::array kPenalties = {1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0};

// The backbone with `head` (weight [rows, E] and bias [rows]) in place of its own.
Model WithHead(const Model& backbone, const Matrix& weight, const Vector& bias) {
  Model model = backbone;
  model.architecture.num_outputs = weight.rows();
  model.graph = BuildGraph(model.architecture);
  std::vector<float> weights(weight.size());
  for (int64_t row = 0; row < weight.rows(); ++row) {
    for (int64_t column = 0; column < weight.cols(); ++column) {
      weights[row * weight.cols() + column] = static_cast<float>(weight(row, column));
    }
  }
  std::vector<float> biases(bias.size());
  for (int64_t row = 0; row < bias.size(); ++row) biases[row] = static_cast<float>(bias(row));
  model.layers[model.architecture.head_name] = {
      .weight = Tensor::FromVector({weight.rows(), weight.cols()}, std::move(weights)),
      .bias = Tensor::FromVector({bias.size()}, std::move(biases))};
  model.class_names.clear();
  return model;
}

// [images, E]: what the head sees. A head that is the identity hands it through.
Result<Matrix> Embed(const Model& backbone, PictureSet& pictures,
                     const QuickTeachOptions& options) {
  const int64_t width = backbone.graph.nodes.back().in_channels;
  Model probe = WithHead(backbone, Matrix::Identity(width, width), Vector::Zero(width));
  probe.task = Task::kClassify;
  EvaluateOptions evaluate;
  evaluate.num_threads = options.num_threads;
  evaluate.keep_logits = true;
  evaluate.progress = options.progress;
  DEIXIS_ASSIGN(const Evaluation evaluation, Evaluate(probe, pictures, evaluate));
  Matrix embeddings(pictures.size(), width);
  for (int64_t i = 0; i < pictures.size(); ++i) {
    for (int64_t column = 0; column < width; ++column) {
      embeddings(i, column) = evaluation.logits[i * width + column];
    }
  }
  return embeddings;
}

struct Ridge {
  Matrix weight;  // [outputs, E]
  Vector bias;    // [outputs]

  Vector Predict(const Vector& embedding) const { return weight * embedding + bias; }
};

// Least squares with `penalty` times the mean variance of the embeddings added to every variance.
Ridge Fit(const Matrix& embeddings, const Matrix& targets, double penalty) {
  const Vector mean = embeddings.colwise().mean();
  const Vector target_mean = targets.colwise().mean();
  const Matrix centred = embeddings.rowwise() - mean.transpose();
  Matrix covariance = centred.transpose() * centred;
  covariance.diagonal().array() += penalty * covariance.diagonal().mean() + 1e-12;
  const Matrix solution =
      covariance.ldlt().solve(centred.transpose() * (targets.rowwise() - target_mean.transpose()));
  Ridge ridge;
  ridge.weight = solution.transpose();
  ridge.bias = target_mean - ridge.weight * mean;
  return ridge;
}

// Rows of `matrix` whose fold is (or is not) `fold`. Neighbours share a fold.
Matrix RowsOf(const Matrix& matrix, int fold, bool inside) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < matrix.rows(); ++row) {
    if ((row * kFolds / matrix.rows() == fold) == inside) rows.push_back(row);
  }
  return matrix(rows, Eigen::all);
}

// The prediction for every row by a fit on the other folds.
Matrix LeaveOut(const Matrix& embeddings, const Matrix& targets, double penalty) {
  Matrix predictions(targets.rows(), targets.cols());
  int64_t row = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    const Ridge ridge = Fit(RowsOf(embeddings, fold, false), RowsOf(targets, fold, false), penalty);
    const Matrix held_out = RowsOf(embeddings, fold, true);
    for (int64_t i = 0; i < held_out.rows(); ++i) {
      predictions.row(row++) = ridge.Predict(held_out.row(i).transpose()).transpose();
    }
  }
  return predictions;
}

struct Choice {
  double penalty = 0;
  Matrix predictions;  // held out
};

Choice ChoosePenalty(const Matrix& embeddings, const Matrix& targets) {
  Choice best;
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : kPenalties) {
    Matrix predictions = LeaveOut(embeddings, targets, penalty);
    const double error = (predictions - targets).squaredNorm();
    if (error < least) {
      least = error;
      best = {.penalty = penalty, .predictions = std::move(predictions)};
    }
  }
  return best;
}

// Indices 0 .. labels.size() - 1 in an order in which every stretch of neighbours holds all labels
// in their shares: label by label, member i of n at place i / n.
std::vector<int64_t> Interleaved(const std::vector<int>& labels) {
  std::vector<int64_t> count(labels.empty() ? 0 : *std::ranges::max_element(labels) + 1);
  for (const int label : labels) ++count[label];
  std::vector<std::pair<double, int64_t>> places;
  std::vector<int64_t> seen(count.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const int label = labels[i];
    places.emplace_back(static_cast<double>(seen[label]++) / static_cast<double>(count[label]), i);
  }
  std::ranges::sort(places);
  std::vector<int64_t> order;
  for (const auto& [place, i] : places) order.push_back(i);
  return order;
}

Status CheckCategories(const PictureSet& pictures) {
  const Dataset& dataset = pictures.dataset();
  std::vector<int64_t> count(dataset.num_classes);
  for (const Sample& sample : dataset.samples) ++count[sample.label];
  for (size_t label = 0; label < count.size(); ++label) {
    if (count[label] > 0) continue;
    const std::string name =
        label < dataset.class_names.size() ? dataset.class_names[label] : std::to_string(label);
    return InvalidData(dataset.folder + ": category \"" + name + "\" has no pictures",
                       "add some, or remove the category");
  }
  if (pictures.size() < kFolds) {
    return InvalidData(dataset.folder + ": expected at least 5 pictures, found " +
                       std::to_string(pictures.size()));
  }
  return Ok();
}

// The factor for logits under which probabilities cost least; cost(factor) is in any unit.
template <typename Cost>
double ChooseSharpness(const Cost& cost) {
  double sharpness = 1.0;
  double least = std::numeric_limits<double>::infinity();
  for (double factor = 0.5; factor < 40.0; factor *= 1.15) {
    const double of_factor = cost(factor);
    if (of_factor >= least) continue;
    least = of_factor;
    sharpness = factor;
  }
  return sharpness;
}

QuickTeachResult TeachClassifier(const Model& backbone, const PictureSet& pictures,
                                 const Matrix& embeddings) {
  const Dataset& dataset = pictures.dataset();
  std::vector<int> labels;
  for (const Sample& sample : dataset.samples) labels.push_back(sample.label);
  const std::vector<int64_t> order = Interleaved(labels);
  const Matrix inputs = embeddings(order, Eigen::all);
  Matrix targets = Matrix::Constant(inputs.rows(), dataset.num_classes, -1.0);
  for (int64_t row = 0; row < inputs.rows(); ++row) targets(row, labels[order[row]]) = 1.0;
  const Choice choice = ChoosePenalty(inputs, targets);
  const auto logits_of = [&](int64_t row, double factor) {
    std::vector<float> logits(dataset.num_classes);
    for (int label = 0; label < dataset.num_classes; ++label) {
      logits[label] = static_cast<float>(factor * choice.predictions(row, label));
    }
    return logits;
  };
  const double sharpness = ChooseSharpness([&](double factor) {
    double cost = 0;
    for (int64_t row = 0; row < inputs.rows(); ++row) {
      cost += CrossEntropy(logits_of(row, factor), labels[order[row]]);
    }
    return cost;
  });
  int64_t correct = 0;
  for (int64_t row = 0; row < inputs.rows(); ++row) {
    correct += LargestLogit(logits_of(row, sharpness)) == labels[order[row]] ? 1 : 0;
  }
  const Ridge ridge = Fit(inputs, targets, choice.penalty);
  QuickTeachResult result;
  result.model = WithHead(backbone, sharpness * ridge.weight, sharpness * ridge.bias);
  result.images = inputs.rows();
  result.penalty = choice.penalty;
  result.held_out_top1 = static_cast<double>(correct) / static_cast<double>(inputs.rows());
  return result;
}

// Whether the thing is in a picture: one logit, and its held-out probabilities.
struct PresenceHead {
  Ridge ridge;
  std::vector<double> where_marked;
  std::vector<double> where_absent;
};

PresenceHead TeachPresence(const Matrix& embeddings, const std::vector<int64_t>& marked,
                           const std::vector<int64_t>& absent) {
  std::vector<int64_t> rows = marked;
  rows.insert(rows.end(), absent.begin(), absent.end());
  std::vector<int> is_there(marked.size(), 1);
  is_there.resize(rows.size(), 0);
  const std::vector<int64_t> order = Interleaved(is_there);
  Matrix inputs(rows.size(), embeddings.cols());
  Matrix targets(rows.size(), 1);
  for (size_t i = 0; i < order.size(); ++i) {
    inputs.row(i) = embeddings.row(rows[order[i]]);
    targets(i, 0) = is_there[order[i]] != 0 ? 1.0 : -1.0;
  }
  const Choice choice = ChoosePenalty(inputs, targets);
  const double sharpness = ChooseSharpness([&](double factor) {
    double cost = 0;
    for (int64_t i = 0; i < targets.rows(); ++i) {
      cost += std::log1p(std::exp(-factor * targets(i, 0) * choice.predictions(i, 0)));
    }
    return cost;
  });
  PresenceHead head;
  head.ridge = Fit(inputs, targets, choice.penalty);
  head.ridge.weight *= sharpness;
  head.ridge.bias *= sharpness;
  for (int64_t i = 0; i < targets.rows(); ++i) {
    (targets(i, 0) > 0 ? head.where_marked : head.where_absent)
        .push_back(Logistic(sharpness * choice.predictions(i, 0)));
  }
  return head;
}

Result<QuickTeachResult> TeachLocator(const Model& backbone, PictureSet& pictures,
                                      const Matrix& embeddings) {
  const Dataset& dataset = pictures.dataset();
  QuickTeachResult result;
  const bool tells_presence = std::ranges::any_of(
      dataset.samples, [](const Sample& sample) { return !sample.point_px.has_value(); });
  const int num_outputs = (tells_presence ? 3 : 2) * dataset.num_classes;
  Matrix weight = Matrix::Zero(num_outputs, embeddings.cols());
  Vector bias = Vector::Zero(num_outputs);
  PresenceHead presence;
  std::vector<uint8_t> pixels(pictures.picture_bytes());
  double distance_px = 0;
  for (int label = 0; label < dataset.num_classes; ++label) {
    std::vector<int64_t> marked;
    std::vector<int64_t> absent;
    std::vector<PictureSize> sizes;
    for (int64_t i = 0; i < pictures.size(); ++i) {
      if (pictures.sample(i).label != label) continue;
      if (!pictures.sample(i).point_px) {
        absent.push_back(i);
        continue;
      }
      DEIXIS_ASSIGN(const PictureSize size, pictures.Read(i, pixels));
      marked.push_back(i);
      sizes.push_back(size);
    }
    if (marked.size() < kFolds) {
      return InvalidData(dataset.folder +
                             ": expected at least 5 marked pictures of each category, "
                             "found " +
                             std::to_string(marked.size()),
                         "mark more of them");
    }
    if (tells_presence && absent.size() < kFolds) {
      return InvalidData(dataset.folder +
                             ": expected at least 5 pictures of each category that lack the thing, "
                             "or none at all, found " +
                             std::to_string(absent.size()),
                         "add pictures without it");
    }
    const Matrix inputs = embeddings(marked, Eigen::all);
    Matrix targets(inputs.rows(), 2);
    for (int64_t row = 0; row < inputs.rows(); ++row) {
      const Point unit = UnitFromPixel(*pictures.sample(marked[row]).point_px, sizes[row],
                                       pictures.preprocessing());
      targets.row(row) << unit.x, unit.y;
    }
    const Choice choice = ChoosePenalty(inputs, targets);
    for (int64_t row = 0; row < inputs.rows(); ++row) {
      const Point answer = PixelFromUnit({choice.predictions(row, 0), choice.predictions(row, 1)},
                                         sizes[row], pictures.preprocessing());
      const Point& mark = *pictures.sample(marked[row]).point_px;
      distance_px += std::hypot(answer.x - mark.x, answer.y - mark.y);
    }
    const Ridge ridge = Fit(inputs, targets, choice.penalty);
    weight.middleRows(2 * label, 2) = ridge.weight;
    bias.segment(2 * label, 2) = ridge.bias;
    result.images += inputs.rows();
    result.penalty = choice.penalty;
    if (!tells_presence) continue;
    PresenceHead head = TeachPresence(embeddings, marked, absent);
    weight.row(2 * dataset.num_classes + label) = head.ridge.weight.row(0);
    bias[2 * dataset.num_classes + label] = head.ridge.bias[0];
    std::ranges::move(head.where_marked, std::back_inserter(presence.where_marked));
    std::ranges::move(head.where_absent, std::back_inserter(presence.where_absent));
  }
  result.held_out_presence_roc = AreaUnderRoc(presence.where_marked, presence.where_absent);
  result.held_out_presence_fpr95 =
      FalsePositivesAtRecall(presence.where_marked, presence.where_absent, 0.95);
  result.held_out_error_px = distance_px / static_cast<double>(result.images);
  result.model = WithHead(backbone, weight, bias);
  result.model.tells_presence = tells_presence;
  return result;
}

}  // namespace

Result<QuickTeachResult> QuickTeach(const Model& backbone, PictureSet& pictures,
                                    const QuickTeachOptions& options) {
  DEIXIS_RETURN_IF_ERROR(CheckCategories(pictures));
  DEIXIS_ASSIGN(const Matrix embeddings, Embed(backbone, pictures, options));
  Result<QuickTeachResult> result = options.task == Task::kLocate
                                        ? TeachLocator(backbone, pictures, embeddings)
                                        : TeachClassifier(backbone, pictures, embeddings);
  if (!result.ok()) return result;
  result->model.task = options.task;
  // A dataset without names leaves the outputs nameless.
  if (static_cast<int>(pictures.dataset().class_names.size()) == pictures.dataset().num_classes) {
    result->model.class_names = pictures.dataset().class_names;
  }
  result->model.provenance.emplace_back("taught", pictures.dataset().folder);
  return result;
}

}  // namespace deixis
