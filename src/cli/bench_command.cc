// `deixis bench`: how long a model takes on this machine, and how much memory.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "format/printable.h"
#include "kernels/targets.h"
#include "network/model.h"
#include "runtime/benchmark.h"

namespace deixis::cli {
namespace {

// Three digits of a time in milliseconds, down to microseconds.
std::string FormatMs(double ms) {
  return FormatFixed(ms, ms < 0.995 ? 3 : ms < 9.95 ? 2 : 1) + " ms";
}

double GigaMacsPerSecond(int64_t macs, double ms) {
  return ms > 0 ? static_cast<double>(macs) / (ms * 1e6) : 0;
}

std::string StepsText(const BenchmarkReport& report, const Style& style) {
  double sum_ms = 0;
  for (const StepTiming& step : report.steps) sum_ms += step.median_ms;
  Table table({{"step", Align::kLeft},
               {"time", Align::kRight},
               {"share", Align::kRight},
               {"MACs", Align::kRight},
               {"GMAC/s", Align::kRight}});
  for (const StepTiming& step : report.steps) {
    table.AddRow(
        {step.name, FormatMs(step.median_ms),
         sum_ms > 0 ? FormatPercent(step.median_ms / sum_ms, 1) : "-",
         step.macs > 0 ? FormatCount(step.macs) : "",
         step.macs > 0 ? FormatFixed(GigaMacsPerSecond(step.macs, step.median_ms), 1) : ""});
  }
  return table.Render(style);
}

Status RunBench(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.words().front();
  DEIXIS_ASSIGN(const Model model, LoadModel(path));
  BenchmarkOptions options;
  options.num_threads = ThreadsOf(arguments);
  options.num_runs = static_cast<int>(arguments.Integer("repetitions"));
  DEIXIS_ASSIGN(const BenchmarkReport report,
                RunBenchmark(model, options, [&](int done, int total) {
                  console.Progress("measuring", done, total);
                }));
  console.EndProgress();
  DEIXIS_ASSIGN(const int64_t file_bytes, FileBytes(path));
  int64_t macs = 0;
  for (const StepTiming& step : report.steps) macs += step.macs;

  Json layers = Json::array();
  for (const StepTiming& step : report.steps) {
    layers.push_back(Json{{"name", step.name}, {"median_ms", step.median_ms}, {"macs", step.macs}});
  }
  console.SetResult("bench", Json{{"model", path},
                                  {"architecture", model.architecture.name},
                                  {"threads", options.num_threads},
                                  {"repetitions", options.num_runs},
                                  {"target", CurrentKernelTarget().name},
                                  {"latency_ms",
                                   {{"median", report.latency.median_ms},
                                    {"p10", report.latency.p10_ms},
                                    {"p90", report.latency.p90_ms}}},
                                  {"create_ms", report.create_ms},
                                  {"macs", macs},
                                  {"file_bytes", file_bytes},
                                  {"weight_bytes", report.weight_bytes},
                                  {"arena_bytes", report.arena_bytes},
                                  {"peak_rss_bytes", report.peak_rss_bytes},
                                  {"layers", std::move(layers)}});

  const LatencySummary& latency = report.latency;
  Facts facts;
  facts.Add("model", Printable(path) + "  " + model.architecture.name);
  facts.Add("machine", Counted(options.num_threads, "thread") + ", " + CurrentKernelTarget().name +
                           " kernels");
  facts.Add("latency", console.style().Bold(FormatMs(latency.median_ms)) + " median of " +
                           FormatInteger(options.num_runs) + " runs  (p10 " +
                           FormatMs(latency.p10_ms) + ", p90 " + FormatMs(latency.p90_ms) + ")");
  facts.Add("work", FormatCount(macs) + " MACs, " +
                        FormatFixed(GigaMacsPerSecond(macs, latency.median_ms), 1) + " GMAC/s");
  facts.Add("ready after", FormatMs(report.create_ms));
  facts.Add("memory", FormatBytes(report.weight_bytes) + " weights, " +
                          FormatBytes(report.arena_bytes) + " activations, " +
                          FormatBytes(report.peak_rss_bytes) + " peak of the process");
  console.Print(facts.Render(console.style()) + "\n" + StepsText(report, console.style()));
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "A network that Deixis knows"},
};
constexpr Flag kFlags[] = {
    kThreadsFlag,
    {.name = "repetitions",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Runs that are counted",
     .default_value = "50",
     .environment = "DEIXIS_REPETITIONS",
     .example = "200",
     .minimum = 1,
     .maximum = 1000000},
};
constexpr Example kExamples[] = {
    {"bench resnet18.pth", "on all processors"},
    {"bench resnet18.pth --threads 1 --repetitions 200", "on one, with more runs"},
};

}  // namespace

constinit const Command kBenchCommand = {
    .name = "bench",
    .summary = "latency, memory, and the time of each layer",
    .description =
        "Runs the model on one picture, again and again, after a few runs that are not counted, "
        "and gives the median and the tenth and ninetieth percentile. The time of each layer comes "
        "from runs of their own. MACs are multiply-accumulates.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunBench,
};

}  // namespace deixis::cli
