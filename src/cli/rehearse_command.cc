// `deixis rehearse`: the whole loop on made tables, counted.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "compress/metrics.h"
#include "format/printable.h"
#include "pipeline/rehearsal.h"

namespace deixis::cli {
namespace {

Json CountsJson(const DwellCounts& counts) {
  return Json{{"dwells", counts.dwells},   {"right", counts.right},   {"wrong", counts.wrong},
              {"unknown", counts.unknown}, {"faulty", counts.faulty}, {"silent", counts.silent}};
}

std::string CountsText(const DwellCounts& counts, bool is_known) {
  std::string text = Counted(counts.dwells, "dwell") + ": ";
  if (is_known) text += std::to_string(counts.right) + " named right, ";
  text += std::to_string(counts.wrong) + (is_known ? " wrong, " : " named, ");
  text += std::to_string(counts.unknown) + " unknown, " + std::to_string(counts.silent) +
          " without an answer";
  if (counts.faulty > 0) {
    text += ", " + std::to_string(counts.faulty) + " too dark, blurred or at the edge";
  }
  return text;
}

Json QuantilesJson(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return Json{{"median", Quantile(values, 0.5)}, {"p95", Quantile(values, 0.95)}};
}

void AddQuantiles(const char* name, const std::vector<double>& values, const char* unit,
                  Facts& facts) {
  if (values.empty()) return;
  facts.Add(name, FormatFixed(Quantile(values, 0.5), 1) + unit + " median, " +
                      FormatFixed(Quantile(values, 0.95), 1) + unit + " p95");
}

Status RunRehearse(const Arguments& arguments, Console& console) {
  LookerOptions look_options;
  look_options.num_threads = ThreadsOf(arguments);
  DEIXIS_ASSIGN(const Model pointer, LoadModel(arguments.Text("pointer")));
  DEIXIS_ASSIGN(const Model objects, LoadModel(arguments.Text("objects")));
  DEIXIS_ASSIGN(Looker looker, Looker::Create(pointer, objects, look_options));
  RehearsalOptions options;
  options.seed = static_cast<uint64_t>(arguments.Integer("seed"));
  options.known_pointings = static_cast<int>(arguments.Integer("pointings"));
  options.unknown_pointings = static_cast<int>(arguments.Integer("unknown"));
  options.idle_ms = 60'000 * arguments.Integer("idle-minutes");
  options.decision.dwell_ms = arguments.Integer("dwell");
  options.progress = [&](int64_t done, int64_t total) {
    console.Progress("rehearsing", done, total);
    return true;
  };
  DEIXIS_ASSIGN(
      const RehearsalResult result,
      Rehearse(
          looker.labels(),
          [&](const Frame& frame) { return looker.See(frame.image, frame.captured_ms); }, options));
  console.EndProgress();

  Facts facts;
  facts.Add("pointer", Printable(arguments.Text("pointer")));
  facts.Add("objects", Printable(arguments.Text("objects")));
  facts.Add("known things", CountsText(result.known, /*is_known=*/true));
  facts.Add("unknown things", CountsText(result.unknown, /*is_known=*/false));
  facts.Add("wrong names",
            console.style().Bold(FormatFixed(result.wrong_per_100(), 1)) + " per 100 dwells");
  facts.Add("nobody points", Counted(result.idle_ms / 60'000, "minute") + ", " +
                                 Counted(result.idle_utterances, "utterance"));
  AddQuantiles("fingertip", result.tip_error_px, " px", facts);
  AddQuantiles("frame to decision", result.look_ms, " ms", facts);
  AddQuantiles("still to answer", result.answer_ms, " ms", facts);
  console.Print(facts.Render(console.style()));
  console.SetResult("rehearse", Json{{"pointer", arguments.Text("pointer")},
                                     {"objects", arguments.Text("objects")},
                                     {"seed", options.seed},
                                     {"known", CountsJson(result.known)},
                                     {"unknown", CountsJson(result.unknown)},
                                     {"wrong_per_100_dwells", result.wrong_per_100()},
                                     {"idle_ms", result.idle_ms},
                                     {"idle_utterances", result.idle_utterances},
                                     {"tip_error_px", QuantilesJson(result.tip_error_px)},
                                     {"look_ms", QuantilesJson(result.look_ms)},
                                     {"still_to_answer_ms", QuantilesJson(result.answer_ms)},
                                     {"threads", look_options.num_threads}});
  return Ok();
}

constexpr Flag kFlags[] = {
    {.name = "pointer",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Finds the fingertip: a model taught with --task locate",
     .environment = "DEIXIS_POINTER",
     .example = "pointer.safetensors",
     .required = true},
    {.name = "objects",
     .kind = ValueKind::kFile,
     .value_name = "MODEL",
     .help = "Names what lies beyond it: a model taught on made things, some of them left out",
     .environment = "DEIXIS_OBJECTS",
     .example = "objects.safetensors",
     .required = true},
    {.name = "pointings",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Dwells on things that the object model has a name for",
     .default_value = "100",
     .example = "20",
     .minimum = 0,
     .maximum = 100000},
    {.name = "unknown",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Dwells on made things that it has none for",
     .default_value = "30",
     .example = "10",
     .minimum = 0,
     .maximum = 100000},
    {.name = "idle-minutes",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Minutes of tables at which nobody points",
     .default_value = "20",
     .example = "2",
     .minimum = 0,
     .maximum = 10000},
    {.name = "seed",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Another seed, other tables",
     .default_value = "901",
     .example = "7",
     .minimum = 0,
     .maximum = 1'000'000'000},
    {.name = "dwell",
     .kind = ValueKind::kInteger,
     .value_name = "MS",
     .help = "How long the finger has to be still",
     .default_value = "600",
     .environment = "DEIXIS_DWELL",
     .example = "800",
     .minimum = 100,
     .maximum = 5000},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"rehearse --pointer pointer.safetensors --objects objects.safetensors",
     "130 pointings and 20 minutes without one, in simulated time"},
    {"rehearse --pointer pointer.safetensors --objects objects.safetensors --pointings 20 "
     "--unknown 10 --idle-minutes 1",
     "a shorter one"},
};

}  // namespace

constinit const Command kRehearseCommand = {
    .name = "rehearse",
    .summary = "play made pointings and count what would be said",
    .description =
        "Made tables with a hand that comes, points and goes, as those of scene:// but other ones, "
        "in simulated time: a finger that dwells on a thing ought to hear its name once, on a "
        "thing "
        "that the object model was not taught none, and nobody anything while nobody points. "
        "Counted against the truth, with the time from a frame to the decision and from the "
        "finger's standstill to the answer.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunRehearse,
};

}  // namespace deixis::cli
