// `deixis data`: datasets, made, edited and looked at.
#include <algorithm>
#include <array>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/data_actions.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "pipeline/scene_lessons.h"

namespace deixis::cli {

Status MakeLessons(const Arguments& arguments, Console& console) {
  const std::string& folder = arguments.words().at(1);
  LessonOptions options;
  options.kind = arguments.Text("kind") == "objects" ? LessonKind::kObjects : LessonKind::kPointing;
  options.count = arguments.Integer("count");
  options.seed = static_cast<uint64_t>(arguments.Integer("seed"));
  options.height_px = arguments.Integer("height");
  options.width_px = options.height_px * 4 / 3;
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

namespace {

constexpr DataAction kActions[] = {
    {"make", " kind count height seed ", "", false, MakeLessons},
    {"new", " kind ", "CATEGORY...", true, NewDataset},
    {"add", " category session at absent threads ", "FILE...", false, AddPictures},
    {"import", " kind category session threads ", "FROM", false, ImportPictures},
    {"export", " layout ", "OUT", false, ExportPictures},
    {"ls", " category bin ", "", false, ListPictures},
    {"stats", " threads ", "", false, ShowStats},
    {"verify", " threads ", "", false, VerifyPictures},
    {"split", " share threads ", "", false, SplitPictures},
    {"rm", " threads ", "NUMBER...", false, RemovePictures},
    {"restore", " threads ", "NUMBER...", false, RestorePictures},
    {"relabel", " category threads ", "NUMBER...", false, RelabelPictures},
    {"mark", " category at absent threads ", "NUMBER...", false, MarkPicture},
    {"undo", " threads ", "", false, UndoEdit},
    {"redo", " threads ", "", false, RedoEdit},
    {"empty-bin", " threads ", "", false, EmptyBin},
};

// Flags and words that another action takes.
Status CheckFits(const DataAction& action, const Arguments& arguments) {
  const std::string name = "data " + std::string(action.name);
  for (const Flag& flag : arguments.command().flags) {
    if (flag.name == "threads" || !arguments.Given(flag.name)) continue;
    if (action.flags.find(" " + std::string(flag.name) + " ") != std::string_view::npos) continue;
    return UsageError(name + " takes no --" + std::string(flag.name),
                      "deixis help data says which action takes which");
  }
  const size_t items = arguments.words().size() - 2;
  if (action.words.empty() && items > 0) {
    return UsageError(name + ": expected nothing after DIR, found " + Quoted(arguments.words()[2]));
  }
  if (!action.words.empty() && items == 0 && !action.words_may_lack) {
    return UsageError(
        name + ": expected " + std::string(action.words) + " after DIR, found nothing",
        "deixis " + name + " DIR " + std::string(action.words));
  }
  if (!action.words.empty() && !action.words.ends_with("...") && items > 1) {
    return UsageError(name + ": expected one " + std::string(action.words) + ", found " +
                      std::to_string(items));
  }
  return Ok();
}

Status RunData(const Arguments& arguments, Console& console) {
  const auto action = std::ranges::find(kActions, arguments.words().front(), &DataAction::name);
  DEIXIS_RETURN_IF_ERROR(CheckFits(*action, arguments));
  return action->run(arguments, console);
}

constexpr Positional kPositionals[] = {
    {.name = "ACTION",
     .kind = ValueKind::kChoice,
     .help =
         "make, new, add, import, export, ls, stats, verify, split, rm, restore, relabel, mark, "
         "undo, redo or empty-bin",
     .allowed = "make|new|add|import|export|ls|stats|verify|split|rm|restore|relabel|mark|undo|"
                "redo|empty-bin"},
    {.name = "DIR", .kind = ValueKind::kFolder, .help = "Where the dataset is or will be"},
    {.name = "ITEM",
     .kind = ValueKind::kFile,
     .help = "new: categories; add: pictures; import: a folder or ZIP; export: a folder or .zip to "
             "write; rm, restore, relabel, mark: numbers, as 7 or 12-19",
     .optional = true,
     .repeated = true},
};
constexpr Flag kFlags[] = {
    {.name = "kind",
     .kind = ValueKind::kChoice,
     .value_name = "KIND",
     .help = "make: frames with a marked fingertip, or what a finger points at, cut out; new and "
             "import: pictures with marks, or in categories",
     .default_value = "pointing",
     .allowed = "pointing|objects",
     .example = "objects"},
    {.name = "count",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "make: how many pictures",
     .default_value = "400",
     .example = "1000",
     .minimum = 1,
     .maximum = 1'000'000},
    {.name = "height",
     .kind = ValueKind::kInteger,
     .value_name = "PX",
     .help = "Of the frames, which are 4:3; small ones are drawn faster",
     .default_value = "480",
     .example = "240",
     .minimum = 48,
     .maximum = 2160},
    {.name = "seed",
     .kind = ValueKind::kInteger,
     .value_name = "N",
     .help = "make: another number, other pictures",
     .default_value = "1",
     .example = "2",
     .minimum = 0,
     .maximum = 1'000'000'000},
    {.name = "category",
     .kind = ValueKind::kText,
     .value_name = "NAME",
     .help = "add, relabel: what the pictures show; mark: what is marked; import: of all of them; "
             "ls: of this one alone",
     .example = "mug"},
    {.name = "session",
     .kind = ValueKind::kText,
     .value_name = "NAME",
     .help = "add, import: when, where or of whom they were taken; a session is held out whole",
     .example = "kitchen"},
    {.name = "at",
     .kind = ValueKind::kText,
     .value_name = "X,Y",
     .help = "add, mark: where it is, in pixels from the top left",
     .example = "103.5,88"},
    {.name = "absent", .help = "add, mark: it is not in the picture"},
    {.name = "bin", .help = "ls: what is in the bin"},
    {.name = "layout",
     .kind = ValueKind::kChoice,
     .value_name = "LAYOUT",
     .help = "export: as it lies, train/ and val/ for ImageFolder, or CATEGORY/x_y_number.jpg",
     .default_value = "tables",
     .allowed = "tables|imagefolder|names",
     .example = "imagefolder"},
    {.name = "share",
     .kind = ValueKind::kReal,
     .value_name = "PERCENT",
     .help = "split: how much is held out",
     .default_value = "20",
     .example = "25",
     .minimum = 1,
     .maximum = 50},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"data make tips --count 800", "made frames in which a finger points, or not"},
    {"data make things --kind objects --count 1200 --seed 2", "made things, a folder each"},
    {"data import mine photos.zip", "a folder per category, packed: all of it or nothing"},
    {"data add mine cup1.jpg cup2.jpg --category cup --session kitchen", "two more pictures"},
    {"data stats mine", "how many of what, how alike, how many held out"},
    {"data verify mine", "missing and broken pictures, marks outside, duplicates"},
    {"data undo mine", "takes the last action back"},
    {"data export mine mine.zip --layout imagefolder", "for other tools"},
};

}  // namespace

constinit const Command kDataCommand = {
    .name = "data",
    .summary = "make, import, edit and check datasets",
    .description =
        "A dataset is plain folders: a folder per category with labels.csv above them, or pictures "
        "with their marks in points.csv. Every action happens whole or not at all and can be "
        "undone; what is removed goes into a bin. Pictures are held out as they come, whole "
        "sessions where there are three or more, and near duplicates never on both sides. "
        "docs/datasets.md has the layout and the rules.\n\n"
        "make draws what scene:// shows: tables with everyday things, at which a finger comes to "
        "point. The same seed gives the same pictures. They are for trying the whole way, from "
        "teaching to the voice, without a camera.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunData,
};

}  // namespace deixis::cli
