// `deixis studio`: the page of teachers, served until it is stopped.
#include <unistd.h>

#include <cstdlib>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/models.h"
#include "format/printable.h"
#include "studio/studio.h"

namespace deixis::cli {
namespace {

// "127.0.0.1:8480", "[::1]:8480", "0.0.0.0", ":0".
Status ParseListen(const std::string& text, studio::StudioOptions& options) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == std::string::npos ? 0 : bracket);
  std::string address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  if (address == "localhost") address = "127.0.0.1";
  if (!address.empty()) options.server.address = address;
  if (colon == std::string::npos) return Ok();
  const std::string port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
    return UsageError("--listen: \"" + Printable(text) + "\" has no port after its colon",
                      "for instance --listen 127.0.0.1:8480; an IPv6 address stands in brackets");
  }
  options.server.port = std::atoi(port.c_str());
  return Ok();
}

Result<studio::StudioOptions> OptionsOf(const Arguments& arguments) {
  studio::StudioOptions options;
  DEIXIS_RETURN_IF_ERROR(ParseListen(arguments.Text("listen"), options));
  options.project_folder = arguments.Text("project");
  if (arguments.Has("camera")) options.camera_uri = arguments.Text("camera");
  if (arguments.Has("certificate")) options.server.certificate_path = arguments.Text("certificate");
  if (arguments.Has("key")) options.server.key_path = arguments.Text("key");
  if (arguments.Has("allow-host")) {
    for (const std::string_view host : Split(arguments.Text("allow-host"), ',')) {
      options.allowed_hosts.emplace_back(host);
    }
  }
  if (const char* token = std::getenv("DEIXIS_STUDIO_TOKEN"); token != nullptr) {
    options.bearer_token = token;
  }
  options.max_upload_bytes = arguments.Bytes("max-upload");
  options.num_threads = ThreadsOf(arguments);
  options.version = DEIXIS_VERSION;
  return options;
}

Status Announce(const studio::StudioOptions& options, studio::Studio& studio, bool json) {
  const std::string link = studio.NewLink();
  if (json) {
    const Json line{{"schema", kJsonSchema},       {"command", "studio"},
                    {"address", studio.Address()}, {"link", link},
                    {"port", studio.port()},       {"project", options.project_folder}};
    return WriteToDescriptor(STDOUT_FILENO, line.dump() + "\n");
  }
  std::string text;
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  if (is_terminal) text += studio::QrCode(link) + "\n";
  text += "The studio of " + Printable(options.project_folder) + " is open:\n\n    " + link +
          "\n\nThe link works once.";
  if (is_terminal && isatty(STDIN_FILENO) != 0) text += " Enter prints another.";
  text += " Ctrl-C ends the studio.\n";
  return WriteToDescriptor(STDOUT_FILENO, text);
}

// A line typed; false when nobody types any more.
bool ReadLine() {
  char bytes[256];
  return read(STDIN_FILENO, bytes, sizeof bytes) > 0;
}

Status RunStudio(const Arguments& arguments, Console& console) {
  DEIXIS_ASSIGN(const studio::StudioOptions options, OptionsOf(arguments));
  DEIXIS_ASSIGN(const auto studio, studio::Studio::Start(options));
  const bool is_loopback =
      options.server.address.starts_with("127.") || options.server.address == "::1";
  if (!is_loopback && options.server.certificate_path.empty()) {
    console.Warn(
        "other machines reach the studio without encryption: whoever is in the same network can "
        "watch and take part; --certificate and --key prevent it");
  }
  const bool json = arguments.Switch("json");
  DEIXIS_RETURN_IF_ERROR(Announce(options, *studio, json));
  int typed = isatty(STDIN_FILENO) != 0 ? STDIN_FILENO : -1;
  while (!WaitForInterrupt(typed)) {
    if (!ReadLine()) {
      typed = -1;
      continue;
    }
    DEIXIS_RETURN_IF_ERROR(Announce(options, *studio, json));
  }
  return Ok();
}

constexpr Flag kFlags[] = {
    {.name = "listen",
     .kind = ValueKind::kText,
     .value_name = "ADDRESS",
     .help = "Where browsers reach it; 0.0.0.0 is every network of this machine",
     .default_value = "127.0.0.1:8480",
     .environment = "DEIXIS_LISTEN",
     .example = "0.0.0.0:8480"},
    {.name = "project",
     .kind = ValueKind::kFolder,
     .value_name = "DIR",
     .help = "The project's folder; made where it is missing",
     .default_value = "deixis-project",
     .environment = "DEIXIS_PROJECT",
     .example = "kitchen"},
    {.name = "camera",
     .kind = ValueKind::kText,
     .value_name = "URI",
     .help = "The camera to begin with",
     .default_note = "none; the page offers those that are there",
     .environment = "DEIXIS_CAMERA",
     .example = "v4l2:///dev/video0"},
    {.name = "certificate",
     .kind = ValueKind::kFile,
     .value_name = "PEM",
     .help = "Serve HTTPS with this certificate",
     .example = "studio.crt"},
    {.name = "key",
     .kind = ValueKind::kFile,
     .value_name = "PEM",
     .help = "The private key of the certificate",
     .example = "studio.key"},
    {.name = "allow-host",
     .kind = ValueKind::kText,
     .value_name = "NAMES",
     .help = "Further names by which browsers may reach it, with commas",
     .example = "deixis.local"},
    {.name = "max-upload",
     .kind = ValueKind::kBytes,
     .value_name = "BYTES",
     .help = "The longest file that is taken",
     .default_value = "4GB",
     .example = "500MB"},
    kThreadsFlag,
};
constexpr Example kExamples[] = {
    {"studio --camera v4l2:///dev/video0", "teach, compress and watch in a browser"},
    {"studio --project kitchen --camera scene://seed=1", "look around without a camera"},
    {"studio --listen 0.0.0.0:8480 --certificate studio.crt --key studio.key",
     "for the other machines of the house"},
};

}  // namespace

constinit const Command kStudioCommand = {
    .name = "studio",
    .summary = "teach, compress and watch in a browser",
    .description =
        "Serves a page on which things are shown to the camera and named, fingertips are marked, "
        "models are trained, judged, compressed and watched live. Prints a link that works once "
        "and signs the browser in.\n\n"
        "Only this machine reaches it unless --listen says otherwise; a browser on another machine "
        "signs in with a pairing code that the page shows. Scripts send the token in "
        "PROJECT/.studio/token, or DEIXIS_STUDIO_TOKEN, as a Bearer token.",
    .positionals = {},
    .flags = kFlags,
    .examples = kExamples,
    .run = RunStudio,
};

}  // namespace deixis::cli
