// Which handler answers which request. One record per route: it routes, it says what a body must
// look like before the handler sees it, and the OpenAPI document is made of it.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "studio/http/message.h"

namespace deixis::studio {

enum class BodyKind {
  kNone,
  kJson,
  kPicture,  // in memory
  kFile,     // to a file
};

enum class FieldKind { kText, kInteger, kNumber, kBoolean, kObject, kTexts, kIntegers, kObjects };

// A member of a JSON body.
struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::kText;
  std::string_view help = {};
  bool required = false;
  bool nullable = false;
  double minimum = -std::numeric_limits<double>::infinity();  // of numbers; of texts, characters
  double maximum = std::numeric_limits<double>::infinity();
  std::string_view allowed = {};  // kText: "group|row|tensor"
};

struct QueryParameter {
  std::string_view name;
  std::string_view help;
};

using Handler = std::function<Reply(const Request&)>;
// For answers that wait for something: no thread is held meanwhile. `answer` is called once, from
// any thread.
using Answer = std::function<void(Reply)>;
using LateHandler = std::function<void(const Request&, Answer answer)>;

struct Route {
  std::string method;
  std::string path;  // "/api/v1/datasets/{dataset}/samples"; {name} is one segment
  std::string summary;
  Handler handle = {};
  LateHandler handle_late = {};  // either of the two
  BodyKind body = BodyKind::kNone;
  std::vector<Field> fields = {};
  std::vector<QueryParameter> query = {};
  bool is_public = false;  // needs no sign of who asks
  std::string answers = "application/json";
};

class Router {
 public:
  void Add(Route route);
  const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string> parameters;
  };
  // 404, 405 with Allow, 400 for escapes that are malformed or mean to leave their segment. HEAD is
  // answered as GET.
  std::variant<Match, Problem> Find(std::string_view method, std::string_view path) const;

  // OpenAPI 3.1.
  Json OpenApi(std::string_view version) const;

 private:
  struct Pattern {
    std::vector<std::string> segments;  // "{name}" matches anything
  };
  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;
};

// Parses `body` and holds it to the fields; members that no field names are passed over.
std::variant<Json, Problem> ReadJsonBody(const std::string& body, const std::vector<Field>& fields);

}  // namespace deixis::studio
