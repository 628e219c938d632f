// `deixis bench`: how long models take on this machine, and how much memory.
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

std::string_view PrecisionText(Precision precision) {
  return precision == Precision::kU8 ? "int8" : "fp32";
}

// A model of the command line, and what was measured.
struct Measured {
  std::string path;
  std::string architecture;
  int64_t file_bytes = 0;
  BenchmarkReport report;
};

Json ToJson(const Measured& measured, const BenchmarkOptions& options) {
  const BenchmarkReport& report = measured.report;
  Json layers = Json::array();
  for (const StepTiming& step : report.steps) {
    layers.push_back(Json{{"name", step.name},
                          {"median_ms", step.median_ms},
                          {"macs", step.macs},
                          {"share_of_peak", report.ShareOfPeak(step.macs, step.median_ms)}});
  }
  return Json{{"model", measured.path},
              {"architecture", measured.architecture},
              {"precision", PrecisionText(report.precision)},
              {"threads", options.num_threads},
              {"repetitions", options.num_runs},
              {"target", CurrentKernelTarget().name},
              {"latency_ms",
               {{"median", report.latency.median_ms},
                {"p10", report.latency.p10_ms},
                {"p90", report.latency.p90_ms}}},
              {"create_ms", report.create_ms},
              {"macs", report.macs()},
              {"peak_gmacs_per_second", report.peak_macs_per_second / 1e9},
              {"multiplying_layers",
               {{"median_ms", report.layers_ms()},
                {"share_of_peak", report.ShareOfPeak(report.macs(), report.layers_ms())}}},
              {"file_bytes", measured.file_bytes},
              {"weight_bytes", report.weight_bytes},
              {"arena_bytes", report.arena_bytes},
              {"peak_rss_bytes", report.peak_rss_bytes},
              {"layers", std::move(layers)}};
}

std::string StepsText(const BenchmarkReport& report, const Style& style) {
  double sum_ms = 0;
  for (const StepTiming& step : report.steps) sum_ms += step.median_ms;
  Table table({{"step", Align::kLeft},
               {"time", Align::kRight},
               {"share", Align::kRight},
               {"MACs", Align::kRight},
               {"GMAC/s", Align::kRight},
               {"of peak", Align::kRight}});
  for (const StepTiming& step : report.steps) {
    const bool multiplies = step.macs > 0;
    table.AddRow(
        {step.name, FormatMs(step.median_ms),
         sum_ms > 0 ? FormatPercent(step.median_ms / sum_ms, 1) : "-",
         multiplies ? FormatCount(step.macs) : "",
         multiplies ? FormatFixed(GigaMacsPerSecond(step.macs, step.median_ms), 1) : "",
         multiplies ? FormatPercent(report.ShareOfPeak(step.macs, step.median_ms), 0) : ""});
  }
  return table.Render(style);
}

std::string MachineText(const BenchmarkOptions& options) {
  return Counted(options.num_threads, "thread") + ", " + CurrentKernelTarget().name + " kernels";
}

std::string OneModelText(const Measured& measured, const BenchmarkOptions& options,
                         const Style& style) {
  const BenchmarkReport& report = measured.report;
  const LatencySummary& latency = report.latency;
  Facts facts;
  facts.Add("model", Printable(measured.path) + "  " + measured.architecture + ", " +
                         std::string(PrecisionText(report.precision)));
  facts.Add("machine", MachineText(options));
  facts.Add("latency", style.Bold(FormatMs(latency.median_ms)) + " median of " +
                           FormatInteger(options.num_runs) + " runs  (p10 " +
                           FormatMs(latency.p10_ms) + ", p90 " + FormatMs(latency.p90_ms) + ")");
  facts.Add("work", FormatCount(report.macs()) + " MACs, " +
                        FormatFixed(GigaMacsPerSecond(report.macs(), latency.median_ms), 1) +
                        " GMAC/s");
  facts.Add("layers", FormatMs(report.layers_ms()) + " in those that multiply, " +
                          FormatPercent(report.ShareOfPeak(report.macs(), report.layers_ms()), 0) +
                          " of the peak of " + FormatFixed(report.peak_macs_per_second / 1e9, 0) +
                          " GMAC/s");
  facts.Add("ready after", FormatMs(report.create_ms));
  facts.Add("memory", FormatBytes(report.weight_bytes) + " weights, " +
                          FormatBytes(report.arena_bytes) + " activations, " +
                          FormatBytes(report.peak_rss_bytes) + " peak of the process");
  return facts.Render(style) + "\n" + StepsText(report, style);
}

std::string SeveralModelsText(const std::vector<Measured>& models, const BenchmarkOptions& options,
                              const Style& style) {
  Table table({{"model", Align::kLeft},
               {"values", Align::kLeft},
               {"median", Align::kRight},
               {"p10", Align::kRight},
               {"p90", Align::kRight},
               {"ratio", Align::kRight},
               {"of peak", Align::kRight},
               {"weights", Align::kRight},
               {"activations", Align::kRight}});
  const double first_ms = models.front().report.latency.median_ms;
  for (const Measured& measured : models) {
    const BenchmarkReport& report = measured.report;
    const LatencySummary& latency = report.latency;
    table.AddRow({Printable(measured.path), std::string(PrecisionText(report.precision)),
                  FormatMs(latency.median_ms), FormatMs(latency.p10_ms), FormatMs(latency.p90_ms),
                  first_ms > 0 ? FormatFixed(latency.median_ms / first_ms, 2) : "-",
                  FormatPercent(report.ShareOfPeak(report.macs(), report.layers_ms()), 0),
                  FormatBytes(report.weight_bytes), FormatBytes(report.arena_bytes)});
  }
  Facts facts;
  facts.Add("machine", MachineText(options));
  facts.Add("runs", FormatInteger(options.num_runs) + " of each model, in turns");
  return facts.Render(style) + "\n" + table.Render(style);
}

Status RunBench(const Arguments& arguments, Console& console) {
  std::vector<Model> models;
  std::vector<Measured> measured;
  for (const std::string& path : arguments.words()) {
    DEIXIS_ASSIGN(Model model, LoadModel(path));
    DEIXIS_ASSIGN(const int64_t file_bytes, FileBytes(path));
    measured.push_back({.path = path,
                        .architecture = model.architecture.name,
                        .file_bytes = file_bytes,
                        .report = {}});
    models.push_back(std::move(model));
  }
  BenchmarkOptions options;
  options.num_threads = ThreadsOf(arguments);
  options.num_runs = static_cast<int>(arguments.Integer("repetitions"));
  DEIXIS_ASSIGN(std::vector<BenchmarkReport> reports,
                RunBenchmark(models, options, [&](int done, int total) {
                  console.Progress("measuring", done, total);
                }));
  console.EndProgress();
  for (size_t i = 0; i < measured.size(); ++i) measured[i].report = std::move(reports[i]);

  if (measured.size() == 1) {
    console.SetResult("bench", ToJson(measured.front(), options));
    console.Print(OneModelText(measured.front(), options, console.style()));
    return Ok();
  }
  Json documents = Json::array();
  for (const Measured& one : measured) documents.push_back(ToJson(one, options));
  console.SetResult("bench", Json{{"models", std::move(documents)}});
  console.Print(SeveralModelsText(measured, options, console.style()));
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "MODEL", .help = "Networks that Deixis knows", .repeated = true},
};
constexpr Flag kFlags[] = {
    kThreadsFlag,
    {.name = "repetitions",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Runs of each model that are counted",
     .default_value = "50",
     .environment = "DEIXIS_REPETITIONS",
     .example = "200",
     .minimum = 1,
     .maximum = 1000000},
};
constexpr Example kExamples[] = {
    {"bench resnet18.pth", "on all processors"},
    {"bench resnet18.pth --threads 1 --repetitions 200", "on one, with more runs"},
    {"bench resnet18.pth small.safetensors", "two models in turns, so that their ratio holds"},
};

}  // namespace

constinit const Command kBenchCommand = {
    .name = "bench",
    .summary = "latency, memory, and the time of each layer",
    .description =
        "Runs the model on one picture, again and again, after a few runs that are not counted, "
        "and gives the median and the tenth and ninetieth percentile. Several models take turns of "
        "a few runs. The time of each layer comes from runs of their own. MACs are "
        "multiply-accumulates; the peak is what this machine does of them in registers, measured "
        "in "
        "the same process. A layer in fp32 may exceed it where its algorithm does with fewer "
        "multiplications.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunBench,
};

}  // namespace deixis::cli
