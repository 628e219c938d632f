// Signing in and out, pairing, and what the program is doing as a whole.
#include <chrono>
#include <thread>

#include "studio/app.h"
#include "studio/network_addresses.h"
#include "studio/page.h"

namespace deixis::studio {
namespace {

Reply SignIn(App* app, const Request& request) {
  std::string session;
  switch (app->access.RedeemPairing(request.json["code"].get<std::string>(), session)) {
    case Access::Pairs::kYes:
      break;
    case Access::Pairs::kWrong:
      // Five tries at ten million codes are few; they need not be fast either.
      std::this_thread::sleep_for(std::chrono::seconds(1));
      return Problem{.status = 401,
                     .type = "unauthenticated",
                     .title = "That is not the code",
                     .detail = "the pairing code is another one",
                     .remedy = "Look at the studio that shows the code, and type it again.",
                     .code = ErrorCode::kAuthentication};
    case Access::Pairs::kNone:
      return Problem{.status = 401,
                     .type = "unauthenticated",
                     .title = "There is no pairing code",
                     .detail =
                         "no code is good at the moment: none was asked for, or it is used, "
                         "too old, or was typed wrong five times",
                     .remedy = "Ask for a code in a studio that is signed in.",
                     .code = ErrorCode::kAuthentication};
  }
  Response response = Empty();
  response.headers.emplace_back("Set-Cookie", app->access.CookieHeader(session));
  return response;
}

Reply SignOut(App* app, const Request& request) {
  app->access.EndSession(request.session);
  Response response = Empty();
  response.headers.emplace_back("Set-Cookie", app->access.CookieHeader(""));
  return response;
}

Reply Pair(App* app) {
  const Access::Pairing pairing = app->access.NewPairing();
  Json addresses = Json::array();
  for (const std::string& address : app->reachable_addresses) addresses.push_back(address);
  return JsonResponse(
      {{"code", pairing.code}, {"expires_s", pairing.expires_s}, {"addresses", addresses}}, 201);
}

Reply Events(App* app, const Request& request) {
  Response response{
      .headers = {{"Content-Type", "text/event-stream"}, {"X-Accel-Buffering", "no"}}};
  response.body = app->events.Subscribe(request.head.Header("last-event-id"),
                                        [app] { return SnapshotJson(*app); });
  return response;
}

}  // namespace

void AddSessionRoutes(App* app, Router& router) {
  router.Add({.method = "GET",
              .path = "/api/v1/health",
              .summary = "whether the studio answers",
              .handle = [](const Request&) -> Reply {
                return Json{{"status", "ok"}, {"api", 1}};
              },
              .is_public = true});
  router.Add({.method = "GET",
              .path = "/api/v1/status",
              .summary = "everything, as the event stream begins with",
              .handle = [app](const Request&) -> Reply { return SnapshotJson(*app); }});
  router.Add({.method = "GET",
              .path = "/api/v1/events",
              .summary = "what happens, as it happens",
              .handle = [app](const Request& request) { return Events(app, request); },
              .answers = "text/event-stream"});
  router.Add({.method = "GET",
              .path = "/api/v1/session",
              .summary = "whether somebody is signed in",
              .handle = [](const Request& request) -> Reply {
                return Json{{"signed_in", true},
                            {"by", request.caller == Caller::kCookie ? "cookie" : "bearer"}};
              }});
  router.Add({.method = "POST",
              .path = "/api/v1/session",
              .summary = "sign in with a pairing code",
              .handle = [app](const Request& request) { return SignIn(app, request); },
              .body = BodyKind::kJson,
              .fields = {{.name = "code", .required = true, .minimum = 1, .maximum = 64}},
              .is_public = true});
  router.Add({.method = "DELETE",
              .path = "/api/v1/session",
              .summary = "sign out",
              .handle = [app](const Request& request) { return SignOut(app, request); }});
  router.Add({.method = "POST",
              .path = "/api/v1/pairing",
              .summary = "a code with which another browser signs in",
              .handle = [app](const Request&) { return Pair(app); }});
  router.Add({.method = "DELETE",
              .path = "/api/v1/pairing",
              .summary = "the code is worthless from now on",
              .handle = [app](const Request&) -> Reply {
                app->access.EndPairing();
                return Empty();
              }});
}

}  // namespace deixis::studio
