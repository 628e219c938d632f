// `deixis model`: models that others publish, fetched and proved, and those that came along.
#include "base/download.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/models.h"
#include "format/printable.h"
#include "pipeline/published_weights.h"
#include "pipeline/shipped_models.h"

namespace deixis::cli {
namespace {

Status List(Console& console) {
  Json shipped = Json::array();
  Table table({{"model", Align::kLeft}, {"where", Align::kLeft}});
  for (const std::string_view name : {kShippedBackbone, kShippedPointer, kShippedObjects}) {
    const auto path = FindShippedModel(name);
    if (!path.ok()) continue;
    shipped.push_back(Json{{"name", name}, {"path", *path}});
    table.AddRow({std::string(name), Printable(*path)});
  }
  Json published = Json::array();
  for (const PublishedWeights& weights : AllPublishedWeights()) {
    published.push_back(
        Json{{"name", weights.name}, {"address", weights.address}, {"sha256", weights.sha256}});
    table.AddRow({std::string(weights.name), std::string(weights.address)});
  }
  console.Print(table.Render(console.style()));
  console.Print("What has an address is fetched by `deixis model fetch NAME`.\n");
  console.SetResult("model list",
                    Json{{"shipped", std::move(shipped)}, {"published", std::move(published)}});
  return Ok();
}

Status Fetch(const Arguments& arguments, Console& console) {
  if (arguments.words().size() < 2) {
    return UsageError("model fetch: expected a NAME or an address, found nothing",
                      "`deixis model list` shows the names");
  }
  const std::string& name = arguments.words()[1];
  std::string address = name;
  std::string sha256 = arguments.Has("sha256") ? arguments.Text("sha256") : "";
  std::string out = arguments.Has("out") ? arguments.Text("out") : "";
  if (name.find("://") == std::string::npos) {
    const PublishedWeights* weights = FindPublishedWeights(name);
    if (weights == nullptr) {
      return NotFound("model \"" + name + "\": expected a name of the list or an address",
                      "`deixis model list` shows the names; an address begins with https://");
    }
    address = weights->address;
    if (sha256.empty()) sha256 = weights->sha256;
    if (out.empty()) out = name + ".pth";
  }
  if (sha256.empty()) {
    return UsageError("model fetch: an address needs --sha256, the digest of the file",
                      "sha256sum FILE prints it where the file is known to be right");
  }
  if (out.empty()) out = address.substr(address.rfind('/') + 1);
  if (out.empty()) return UsageError("model fetch: an address without a file's name needs --out");

  const auto fetched =
      FetchFile(address, sha256, out, {.progress = [&](int64_t done, int64_t total) {
                  console.Progress("fetching", done, total);
                }});
  console.EndProgress();
  if (!fetched.ok()) return fetched.error();
  DEIXIS_ASSIGN(const int64_t bytes, FileBytes(out));
  Facts facts;
  facts.Add(fetched->was_there ? "there already" : "fetched", console.style().Bold(Printable(out)));
  facts.Add("from", Printable(address));
  facts.Add("size", FormatBytes(bytes));
  facts.Add("SHA-256", fetched->sha256);
  console.Print(facts.Render(console.style()));
  console.SetResult("model fetch", Json{{"path", out},
                                        {"address", address},
                                        {"bytes", bytes},
                                        {"sha256", fetched->sha256},
                                        {"was_there", fetched->was_there}});
  return Ok();
}

Status RunModel(const Arguments& arguments, Console& console) {
  return arguments.words().front() == "list" ? List(console) : Fetch(arguments, console);
}

constexpr Positional kPositionals[] = {
    {.name = "ACTION",
     .kind = ValueKind::kChoice,
     .help = "list what there is, or fetch one",
     .allowed = "list|fetch"},
    {.name = "NAME",
     .kind = ValueKind::kText,
     .help = "A name of the list, or the address of a file",
     .optional = true},
};
constexpr Flag kFlags[] = {
    {.name = "out",
     .letter = 'o',
     .kind = ValueKind::kFile,
     .value_name = "FILE",
     .help = "Where to put it; a file there that has another digest is replaced",
     .default_note = "the name with .pth, or the address's last part",
     .example = "resnet18.pth"},
    {.name = "sha256",
     .kind = ValueKind::kText,
     .value_name = "HEX",
     .help = "What the file's SHA-256 begins with: 8 to 64 digits",
     .default_note = "the list's; an address needs it",
     .example = "f37072fd"},
};
constexpr Example kExamples[] = {
    {"model list", "names and addresses"},
    {"model fetch resnet18", "torchvision's weights, as resnet18.pth"},
    {"train things --backbone resnet18.pth --out things.safetensors", "teach on top of them"},
};

}  // namespace

constinit const Command kModelCommand = {
    .name = "model",
    .summary = "fetch weights that others publish",
    .description =
        "Nothing else in Deixis reaches out to the internet, and this only when it is told to. The "
        "file gets its name when its SHA-256 begins as the list says. What has come when the "
        "connection breaks is kept beside it as FILE.part, and the same command goes on from "
        "there. Such weights have terms of their own; their publisher states them. Any .pth on "
        "disk serves as well.",
    .positionals = kPositionals,
    .flags = kFlags,
    .examples = kExamples,
    .run = RunModel,
};

}  // namespace deixis::cli
