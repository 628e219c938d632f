#include "pipeline/teach_classifier.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "compress/metrics.h"
#include "pipeline/folds.h"
#include "pipeline/sharpness.h"
#include "pipeline/softmax_head.h"
#include "pipeline/unknown.h"

namespace deixis {
namespace {

using MatrixF = Eigen::MatrixXf;

constexpr std::array kPenalties = {1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 1.0};
// Runs in which some categories are left out, to see what becomes of strangers.
constexpr int kMaxLeftOut = 5;
// More logits than this and the distances in their space cost more than the network.
constexpr int kMaxRejectionCategories = 200;

// Pictures, their varied copies, and their labels.
struct Lesson {
  MatrixF embeddings;  // [views * pictures, length]: view v of picture i in row v * pictures + i
  int64_t views = 1;
  std::vector<int64_t> map_channels;
  std::vector<int> labels;  // by picture
  std::vector<int> units;

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  // The pictures themselves.
  auto Originals() const { return embeddings.topRows(size()); }

  Lesson Where(const std::vector<int64_t>& places) const {
    std::vector<int64_t> rows;
    for (int64_t view = 0; view < views; ++view) {
      for (const int64_t place : places) rows.push_back(view * size() + place);
    }
    Lesson part{.embeddings = embeddings(rows, Eigen::all),
                .views = views,
                .map_channels = map_channels,
                .labels = {},
                .units = {}};
    for (const int64_t place : places) {
      part.labels.push_back(labels[place]);
      part.units.push_back(units[place]);
    }
    return part;
  }

  Lesson WithoutCopies() const {
    return {.embeddings = Originals(),
            .views = 1,
            .map_channels = map_channels,
            .labels = labels,
            .units = units};
  }

  // All views count as much as the pictures alone would.
  SoftmaxHead Fit(int num_labels, double penalty) const {
    std::vector<int> view_labels;
    for (int64_t view = 0; view < views; ++view) {
      view_labels.insert(view_labels.end(), labels.begin(), labels.end());
    }
    return FitSoftmaxHead(embeddings, map_channels, view_labels, num_labels,
                          penalty * static_cast<double>(views));
  }
};

template <typename Chosen>
std::vector<int64_t> PlacesWhere(int64_t size, const Chosen& chosen) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < size; ++i) {
    if (chosen(i)) places.push_back(i);
  }
  return places;
}

std::span<const float> RowOf(const MatrixF& logits, int64_t row, std::vector<float>& buffer) {
  buffer.resize(static_cast<size_t>(logits.cols()));
  for (Eigen::Index c = 0; c < logits.cols(); ++c) buffer[c] = logits(row, c);
  return buffer;
}

class Classifier {
 public:
  Classifier(const Lesson& taught, int num_labels, int nothing_label, ThreadPool& pool)
      : taught_(taught),
        num_labels_(num_labels),
        nothing_label_(nothing_label),
        pool_(pool),
        folds_(FoldsOf(taught.units, taught.labels, kTeachingFolds)) {}

  // Sets the penalty, the sharpness and the logits of each picture by the fit without its fold.
  // Which penalty is best the pictures tell without their copies, in a fraction of the time.
  void Choose() {
    const Lesson alone = taught_.WithoutCopies();
    double least = std::numeric_limits<double>::infinity();
    for (const double penalty : kPenalties) Try(alone, penalty, least);
    if (taught_.views == 1) return;
    least = std::numeric_limits<double>::infinity();
    Try(taught_, penalty_, least);
  }

  double penalty() const { return penalty_; }
  const MatrixF& held_out() const { return held_out_; }  // logits, [pictures, labels]

  SoftmaxHead Final(const Lesson& lesson) const {
    return Finished(lesson.Fit(num_labels_, penalty_));
  }

  // The rejection that goes with `head` and the pictures that taught it, its threshold chosen on
  // categories left out in turn; none when there are too few of them to leave one out.
  std::optional<Rejection> Reject(const SoftmaxHead& head, const Lesson& lesson,
                                  UnknownFigures& figures) const {
    std::vector<int> named;
    for (int label = 0; label < num_labels_; ++label) {
      if (label != nothing_label_) named.push_back(label);
    }
    if (named.size() < 3 || num_labels_ > kMaxRejectionCategories) return std::nullopt;
    const int runs = std::min(kMaxLeftOut, static_cast<int>(named.size()));
    std::vector<Scores> scores(static_cast<size_t>(runs));
    pool_.ParallelFor(runs, [&](int64_t run, int) {
      std::vector<bool> is_out(static_cast<size_t>(num_labels_));
      for (size_t i = static_cast<size_t>(run); i < named.size(); i += runs)
        is_out[named[i]] = true;
      scores[run] = LeaveOut(static_cast<int>(run), is_out);
    });
    std::vector<double> known;
    std::vector<double> unknown;
    for (const Scores& of_run : scores) {
      known.insert(known.end(), of_run.known.begin(), of_run.known.end());
      unknown.insert(unknown.end(), of_run.unknown.begin(), of_run.unknown.end());
    }
    if (known.empty() || unknown.empty()) return std::nullopt;
    Rejection rejection = RejectionFrom(head.Logits(lesson.Originals()), lesson.labels);
    rejection.threshold = ChooseThreshold(known, unknown, figures);
    return rejection;
  }

 private:
  struct Scores {
    std::vector<double> known;
    std::vector<double> unknown;
  };

  // Predicts each picture by a fit without its fold, and keeps what comes of it if it is better
  // than `least`. `lesson` is taught_, perhaps without copies.
  void Try(const Lesson& lesson, double penalty, double& least) {
    MatrixF logits(lesson.size(), num_labels_);
    pool_.ParallelFor(kTeachingFolds, [&](int64_t fold, int) {
      const auto inside = PlacesWhere(lesson.size(), [&](int64_t i) { return folds_[i] == fold; });
      if (inside.empty()) return;
      const Lesson others =
          lesson.Where(PlacesWhere(lesson.size(), [&](int64_t i) { return folds_[i] != fold; }));
      logits(inside, Eigen::all) =
          others.Fit(num_labels_, penalty).Logits(lesson.embeddings(inside, Eigen::all));
    });
    const double sharpness = ChooseSharpness([&](double factor) { return Cost(logits, factor); });
    const double cost = Cost(logits, sharpness);
    if (cost >= least) return;
    least = cost;
    penalty_ = penalty;
    sharpness_ = sharpness;
    held_out_ = static_cast<float>(sharpness) * logits;
  }

  double Cost(const MatrixF& logits, double factor) const {
    double cost = 0;
    std::vector<float> row;
    for (int64_t i = 0; i < taught_.size(); ++i) {
      RowOf(logits, i, row);
      for (float& logit : row) logit *= static_cast<float>(factor);
      cost += CrossEntropy(row, taught_.labels[i]);
    }
    return cost;
  }

  // Scores of a classifier that never saw the categories that are out: of the pictures of one fold
  // that it knows, and of those that it does not.
  Scores LeaveOut(int run, const std::vector<bool>& is_out) const {
    std::vector<int> new_label(static_cast<size_t>(num_labels_), -1);
    int num_left = 0;
    int nothing_label = -1;
    for (int label = 0; label < num_labels_; ++label) {
      if (is_out[label]) continue;
      if (label == nothing_label_) nothing_label = num_left;
      new_label[label] = num_left++;
    }
    const int fold = run % kTeachingFolds;
    Lesson seen = taught_.Where(PlacesWhere(taught_.size(), [&](int64_t i) {
      return folds_[i] != fold && !is_out[taught_.labels[i]];
    }));
    Scores found;
    if (seen.size() == 0) return found;
    for (int& label : seen.labels) label = new_label[label];
    const SoftmaxHead head = Finished(seen.Fit(num_left, penalty_));
    const std::optional<Rejection> rejection =
        RejectionFrom(head.Logits(seen.Originals()), seen.labels);
    const auto score = [&](const std::vector<int64_t>& places, std::vector<double>& scores) {
      const MatrixF logits = head.Logits(taught_.embeddings(places, Eigen::all));
      std::vector<float> row;
      for (Eigen::Index i = 0; i < logits.rows(); ++i) {
        scores.push_back(KnownScore(rejection, RowOf(logits, i, row), nothing_label));
      }
    };
    score(PlacesWhere(taught_.size(),
                      [&](int64_t i) {
                        const int label = taught_.labels[i];
                        return folds_[i] == fold && !is_out[label] && label != nothing_label_;
                      }),
          found.known);
    score(PlacesWhere(taught_.size(), [&](int64_t i) { return is_out[taught_.labels[i]]; }),
          found.unknown);
    return found;
  }

  // Sharpened, and with a mean of zero over each picture's logits: softmax does not care what is
  // added to all of them, distances do.
  SoftmaxHead Finished(SoftmaxHead head) const {
    head.weight *= static_cast<float>(sharpness_);
    head.bias *= static_cast<float>(sharpness_);
    head.weight.colwise() -= Eigen::VectorXf(head.weight.rowwise().mean());
    head.bias.array() -= head.bias.mean();
    return head;
  }

  const Lesson& taught_;
  const int num_labels_;
  const int nothing_label_;
  ThreadPool& pool_;
  const std::vector<int> folds_;
  double penalty_ = 0;
  double sharpness_ = 1;
  MatrixF held_out_;
};

// In the order of the file, each category's weights together, from columns.
std::vector<float> Rows(const MatrixF& weight) {
  return {weight.data(), weight.data() + weight.size()};
}

}  // namespace

Result<QuickTeachResult> TeachClassifier(const Model& backbone, const PictureSet& pictures,
                                         const Embeddings& embeddings, const Split& split,
                                         ThreadPool& pool) {
  const Dataset& dataset = pictures.dataset();
  Lesson all{.embeddings = MatrixF(embeddings.views * pictures.size(), embeddings.length()),
             .views = embeddings.views,
             .map_channels = embeddings.map_channels,
             .labels = {},
             .units = {}};
  for (int64_t i = 0; i < pictures.size(); ++i) {
    for (int64_t view = 0; view < embeddings.views; ++view) {
      const std::span<const float> row = embeddings.Row(embeddings.row_of_sample[i], view);
      all.embeddings.row(view * pictures.size() + i) =
          Eigen::Map<const Eigen::RowVectorXf>(row.data(), static_cast<Eigen::Index>(row.size()));
    }
    all.labels.push_back(pictures.sample(i).label);
    all.units.push_back(split.unit[i]);
  }
  const Lesson taught =
      all.Where(PlacesWhere(all.size(), [&](int64_t i) { return !split.held_out[i]; }));
  const Lesson held_out =
      all.Where(PlacesWhere(all.size(), [&](int64_t i) { return bool{split.held_out[i]}; }));
  const Lesson lesson = all.Where(PlacesWhere(
      all.size(), [&](int64_t i) { return !pictures.sample(i).held_out.value_or(false); }));
  for (int label = 0; label < dataset.num_classes; ++label) {
    if (std::ranges::find(taught.labels, label) != taught.labels.end()) continue;
    const bool has_name = label < static_cast<int>(dataset.class_names.size());
    return InvalidData(dataset.folder + ": category \"" +
                           (has_name ? dataset.class_names[label] : std::to_string(label)) +
                           "\" has no pictures to teach it",
                       "add some, or remove the category");
  }
  Classifier classifier(taught, dataset.num_classes, NothingLabel(dataset.class_names), pool);
  classifier.Choose();

  QuickTeachResult result;
  const bool judged_apart = held_out.size() > 0;
  const MatrixF judged =
      judged_apart ? classifier.Final(taught).Logits(held_out.Originals()) : classifier.held_out();
  const std::vector<int>& truth = judged_apart ? held_out.labels : taught.labels;
  int64_t correct = 0;
  std::vector<float> row;
  for (Eigen::Index i = 0; i < judged.rows(); ++i) {
    correct += LargestLogit(RowOf(judged, i, row)) == truth[i] ? 1 : 0;
  }
  result.held_out_images = judged.rows();
  result.held_out_top1 = static_cast<double>(correct) / static_cast<double>(judged.rows());
  result.images = lesson.size();
  result.penalty = classifier.penalty();
  const SoftmaxHead head = classifier.Final(lesson);
  result.model = WithHead(backbone, HeadKind::kPooled, pictures.preprocessing(), Rows(head.weight),
                          {head.bias.begin(), head.bias.end()});
  UnknownFigures unknown;
  result.model.rejection = classifier.Reject(head, lesson, unknown);
  if (result.model.rejection) result.unknown = unknown;
  return result;
}

}  // namespace deixis
