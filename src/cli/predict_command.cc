// `deixis predict`: what a model sees in pictures.
#include <algorithm>
#include <numeric>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "cli/speak.h"
#include "compress/metrics.h"
#include "format/printable.h"
#include "network/model.h"
#include "runtime/executor.h"
#include "vision/image.h"

namespace deixis::cli {
namespace {

constexpr int kBarColumns = 20;

std::string Bar(double fraction) {
  std::string bar;
  const int filled = static_cast<int>(fraction * kBarColumns + 0.5);
  for (int i = 0; i < filled; ++i) bar += "━";
  return bar;
}

// The `count` largest, the largest first; of equal ones the first.
std::vector<int> LargestFirst(const std::vector<double>& values, int64_t count) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min<size_t>(static_cast<size_t>(count), order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<ptrdiff_t>(kept), order.end(),
      [&](int a, int b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  order.resize(kept);
  return order;
}

struct Prediction {
  Json json;
  std::string text;
  std::string label;  // what is spoken
};

Prediction Classification(const Model& model, std::span<const float> logits, int64_t top,
                          const Style& style) {
  const std::vector<double> probabilities = Softmax(logits);
  const std::vector<int> order = LargestFirst(probabilities, top);
  Table table({{"", Align::kLeft}, {"", Align::kRight}, {"", Align::kLeft}});
  Json best = Json::array();
  for (const int index : order) {
    const std::string label = ClassName(model, index);
    const double probability = probabilities[index];
    best.push_back(Json{{"label", label}, {"index", index}, {"probability", probability}});
    table.AddRow({Printable(label), FormatPercent(probability), Bar(probability)});
  }
  Prediction prediction;
  prediction.label = ClassName(model, order.front());
  prediction.json = best.front();
  prediction.json["top"] = std::move(best);
  prediction.text = table.Render(style, 2);
  const int nothing_label = NothingLabel(model.class_names);
  if (!model.rejection && nothing_label < 0) return prediction;
  const bool is_unknown = IsUnknown(model.rejection, logits, nothing_label);
  prediction.json["unknown"] = is_unknown;
  if (model.rejection) {
    const double score = KnownScore(model.rejection, logits, nothing_label);
    prediction.json["known_score"] = score;
    prediction.json["known_threshold"] = model.rejection->threshold;
    if (is_unknown) {
      prediction.text += "  nothing that it was taught: score " + FormatFixed(score, 2) +
                         ", known things have " + FormatFixed(model.rejection->threshold, 2) +
                         " or more\n";
    }
  }
  if (is_unknown) prediction.label = "unknown";
  return prediction;
}

// Outputs are x, y per category, each -1..1 over the picture as the model sees it; then, of models
// that tell presence, its logits.
Prediction Location(const Model& model, std::span<const float> outputs, const Style& style) {
  const auto height = static_cast<double>(model.preprocessing.height_px);
  const auto width = static_cast<double>(model.preprocessing.width_px);
  Table table({{"", Align::kLeft},
               {"x", Align::kRight},
               {"y", Align::kRight},
               {"x px", Align::kRight},
               {"y px", Align::kRight},
               {model.tells_presence ? "there" : "", Align::kRight}});
  Json points = Json::array();
  for (int64_t category = 0; category < NumCategories(model); ++category) {
    const double x = outputs[2 * category];
    const double y = outputs[2 * category + 1];
    const double x_px = (x + 1) / 2 * width;
    const double y_px = (y + 1) / 2 * height;
    const std::string label = ClassName(model, category);
    points.push_back(Json{{"label", label}, {"x", x}, {"y", y}, {"x_px", x_px}, {"y_px", y_px}});
    std::string there;
    if (model.tells_presence) {
      const double presence = Logistic(outputs[PresenceOutput(model, category)]);
      points.back()["presence"] = presence;
      there = FormatPercent(presence);
    }
    table.AddRow({Printable(label), FormatFixed(x, 3), FormatFixed(y, 3), FormatFixed(x_px, 1),
                  FormatFixed(y_px, 1), there});
  }
  Prediction prediction;
  prediction.label = points.empty() ? "" : points.front()["label"].get<std::string>();
  if (!points.empty()) prediction.json = points.front();
  prediction.json["points"] = std::move(points);
  prediction.text = table.Render(style, 2);
  return prediction;
}

Result<Prediction> Predict(const Model& model, Executor& executor, const std::string& path,
                           int64_t top, const Style& style) {
  DEIXIS_ASSIGN(const Image image, ReadImage(path));
  const Image prepared = PrepareForModel(image, model.preprocessing);
  const std::span<const float> outputs = executor.Run(prepared.pixels);
  return model.task == Task::kClassify ? Classification(model, outputs, top, style)
                                       : Location(model, outputs, style);
}

Status RunPredict(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& words = arguments.words();
  DEIXIS_ASSIGN(const Model model, LoadModel(words.front()));
  DEIXIS_ASSIGN(Executor executor, Executor::Create(model, {.num_threads = ThreadsOf(arguments)}));
  const int64_t top = arguments.Integer("top");
  Status status = Ok();
  Json predictions = Json::array();
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& path = words[i];
    // The text of a single picture needs no name over it.
    const std::string heading =
        words.size() > 2 ? console.style().Bold(Printable(path)) + "\n" : std::string();
    auto prediction = Predict(model, executor, path, top, console.style());
    if (!prediction.ok()) {
      // The other pictures are still worth an answer; the exit code tells of the first failure.
      predictions.push_back(
          Json{{"image", path}, {"error", ErrorDocument(prediction.error())["error"]}});
      if (status.ok()) {
        status = std::move(prediction).error();
      } else {
        console.Warn(prediction.error().message);
      }
      continue;
    }
    Json entry{{"image", path}};
    entry.update(prediction->json);
    predictions.push_back(std::move(entry));
    console.Print(heading + prediction->text);
    if (arguments.Switch("speak") && status.ok()) {
      if (auto spoken = Speak(prediction->label, arguments); !spoken.ok()) {
        status = std::move(spoken).error();
      }
    }
  }
  console.SetResult("predict", Json{{"model", words.front()},
                                    {"task", TaskName(model.task)},
                                    {"predictions", std::move(predictions)}});
  return status;
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A network that Deixis knows"},
    {.name = "IMAGE", .help = "JPEG, PNG or WebP files", .repeated = true},
};
constexpr Flag kFlags[] = {
    {.name = "top",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "How many labels to show for each picture",
     .default_value = "5",
     .environment = "DEIXIS_TOP",
     .example = "1",
     .minimum = 1,
     .maximum = 100000},
    {.name = "speak", .help = "Say the most likely label of each picture"},
    kAudioFlag,
    kVoiceFlag,
    kLanguageFlag,
    kRateFlag,
    kVolumeFlag,
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"predict resnet18.pth cat.jpg", "the five most likely labels"},
    {"predict small.safetensors cat.jpg --speak", "say the most likely one"},
    {"predict small.safetensors *.jpg --top 1 --json", "one label for each of many pictures"},
};

}  // namespace

constinit const Command kPredictCommand = {
    .name = "predict",
    .summary = "what a model sees in pictures: labels, or where the fingertip is",
    .description =
        "Each picture is resized as the model says and run once. A picture that cannot be read is "
        "told at the end; the others are answered all the same.\n\n"
        "A model that was taught with deixis train also tells what it was not taught: such a "
        "picture "
        "is called unknown, and so it is spoken.\n\n"
        "A model that locates gives x and y from -1 (left, top) to 1 (right, bottom) of the "
        "picture as it sees it and, if it was taught with pictures that lack the thing, how likely "
        "it is there.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunPredict,
};

}  // namespace deixis::cli
