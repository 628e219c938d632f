// `deixis data`: datasets. So far: those that are made.
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "format/printable.h"
#include "pipeline/scene_lessons.h"

namespace deixis::cli {
namespace {

Status RunData(const Arguments& arguments, Console& console) {
  const std::string& folder = arguments.words().at(1);
  LessonOptions options;
  options.kind = arguments.Text("kind") == "objects" ? LessonKind::kObjects : LessonKind::kPointing;
  options.count = arguments.Integer("count");
  options.seed = static_cast<uint64_t>(arguments.Integer("seed"));
  options.progress = [&](int64_t done, int64_t total) {
    console.Progress("drawing", done, total);
    return true;
  };
  DeclareOutput(folder);
  DEIXIS_ASSIGN(const int64_t written, WriteSceneLessons(folder, options));
  console.EndProgress();
  console.Print(Counted(written, "picture") + " in " + Printable(folder) + "\n");
  console.SetResult("data", Json{{"action", "make"},
                                 {"folder", folder},
                                 {"kind", arguments.Text("kind")},
                                 {"images", written}});
  return Ok();
}

constexpr Positional kPositionals[] = {
    {.name = "ACTION", .kind = ValueKind::kChoice, .help = "make", .allowed = "make"},
    {.name = "DIR", .kind = ValueKind::kFolder, .help = "Where the dataset is or will be"},
};
constexpr Flag kFlags[] = {
    {.name = "kind",
     .kind = ValueKind::kChoice,
     .value_name = "KIND",
     .help = "Frames with a marked fingertip, or what a finger points at, cut out",
     .default_value = "pointing",
     .allowed = "pointing|objects",
     .example = "objects"},
    {.name = "count",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "How many pictures",
     .default_value = "400",
     .example = "1000",
     .minimum = 1,
     .maximum = 1'000'000},
    {.name = "seed",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "Another number, other pictures",
     .default_value = "1",
     .example = "2",
     .minimum = 0,
     .maximum = 1'000'000'000},
};
constexpr Example kExamples[] = {
    {"data make tips --count 800", "made frames in which a finger points, or not"},
    {"data make things --kind objects --count 1200 --seed 2", "made things, a folder each"},
};

}  // namespace

constinit const Command kDataCommand = {
    .name = "data",
    .summary = "make datasets of drawn scenes",
    .description =
        "make draws what scene:// shows: tables with everyday things, at which a finger comes to "
        "point. The same seed gives the same pictures. They are for trying the whole way, from "
        "teaching to the voice, without a camera.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunData,
};

}  // namespace deixis::cli
