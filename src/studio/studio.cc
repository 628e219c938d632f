#include "studio/studio.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "studio/app.h"
#include "studio/http/dispatcher.h"
#include "studio/http/server.h"
#include "studio/network_addresses.h"

namespace deixis::studio {
namespace {

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}
bool IsAny(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

// As it stands in an address: "[::1]".
std::string HostOf(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::vector<std::string> AllowedHosts(const StudioOptions& options) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]"};
  if (IsAny(options.server.address)) {
    for (const std::string& address : NetworkAddresses()) hosts.push_back(HostOf(address));
  } else {
    hosts.push_back(HostOf(options.server.address));
  }
  for (std::string host : options.allowed_hosts) {
    std::transform(host.begin(), host.end(), host.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    hosts.push_back(std::move(host));
  }
  return hosts;
}

// A thousand connections need more descriptors than many systems give at first.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 8192);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// The token that scripts send, the same from one start to the next.
Result<std::string> ProjectToken(const std::string& folder) {
  const std::string path = folder + "/token";
  if (auto text = ReadTextFile(path, 4096); text.ok()) {
    std::string token = *text;
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    if (token.size() >= 32) return token;
  }
  const std::string token = RandomToken();
  // The folder is its owner's alone, so nobody can read the file before its mode is set.
  DEIXIS_RETURN_IF_ERROR(WriteFileAtomically(path, token + "\n"));
  (void)chmod(path.c_str(), 0600);
  return token;
}

}  // namespace

Status StudioOptions::Validate() const {
  if (server.port < 0 || server.port > 65535) return UsageError("the port must be 0 to 65535");
  if (server.certificate_path.empty() != server.key_path.empty()) {
    return UsageError("--certificate and --key belong together", "give both, or neither");
  }
  if (project_folder.empty()) return UsageError("the project has no folder", "use --project DIR");
  return Ok();
}

struct Studio::Parts {
  StudioOptions options;
  std::string token;
  std::optional<FileLock> lock;  // of the project that it was started with
  std::unique_ptr<App> app;
  Router router;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Server> server;

  // Handlers may wait for frames: the camera answers them all before the server goes, and the
  // server goes before what its handlers use.
  ~Parts() {
    if (app != nullptr) app->camera.AnswerAll();
    server.reset();
  }
};

Result<std::unique_ptr<Studio>> Studio::Start(const StudioOptions& options) {
  DEIXIS_RETURN_IF_ERROR(options.Validate());
  RaiseDescriptorLimit();
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  const std::string home_folder = PlainPath(options.project_folder);
  const std::string own_folder = home_folder + "/.studio";
  DEIXIS_ASSIGN(parts->lock, LockProject(home_folder));
  parts->token = options.bearer_token;
  if (parts->token.empty()) {
    DEIXIS_ASSIGN(parts->token, ProjectToken(own_folder));
  }
  ServerOptions server_options = options.server;
  server_options.upload_folder = own_folder;
  DEIXIS_ASSIGN(parts->server, Server::Listen(server_options));

  const bool secure = !options.server.certificate_path.empty();
  AccessOptions access_options{.secure = secure,
                               .port = parts->server->port(),
                               .allowed_hosts = AllowedHosts(options),
                               .bearer_token = parts->token};
  parts->app = std::make_unique<App>(std::move(access_options),
                                     AppOptions{.version = options.version,
                                                .program = options.program,
                                                .home_folder = home_folder,
                                                .num_threads = options.num_threads});
  DEIXIS_RETURN_IF_ERROR(parts->app->OpenProject(home_folder));
  if (!options.camera_uri.empty()) {
    DEIXIS_RETURN_IF_ERROR(parts->app->camera.Select(options.camera_uri, false));
  }
  if (!IsLoopback(options.server.address)) {
    const auto addresses = IsAny(options.server.address)
                               ? NetworkAddresses()
                               : std::vector<std::string>{options.server.address};
    for (const std::string& address : addresses) {
      parts->app->reachable_addresses.push_back(std::string(parts->app->access.scheme()) + "://" +
                                                HostOf(address) + ":" +
                                                std::to_string(parts->server->port()) + "/");
    }
  }
  AddAllRoutes(parts->app.get(), parts->router);
  BodyLimits limits;
  limits.file_bytes = options.max_upload_bytes;
  parts->dispatcher = std::make_unique<Dispatcher>(&parts->router, &parts->app->access, limits);
  parts->server->Start(parts->dispatcher.get());
  return std::unique_ptr<Studio>(new Studio(std::move(parts)));
}

Studio::Studio(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Studio::~Studio() = default;

int Studio::port() const { return parts_->server->port(); }

std::string Studio::Address() const {
  const std::string& address = parts_->options.server.address;
  std::string host = HostOf(address);
  if (IsAny(address)) {
    const auto others = NetworkAddresses();
    host = others.empty() ? "127.0.0.1" : HostOf(others.front());
  }
  return std::string(parts_->app->access.scheme()) + "://" + host + ":" + std::to_string(port()) +
         "/";
}

std::string Studio::NewLink() { return Address() + "?token=" + parts_->app->access.NewLinkToken(); }

const std::string& Studio::bearer_token() const { return parts_->token; }

}  // namespace deixis::studio
