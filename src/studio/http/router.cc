#include "studio/http/router.h"

#include <algorithm>
#include <cmath>

namespace deixis::studio {
namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool IsParameter(const std::string& segment) { return segment.starts_with('{'); }

std::string NameOf(const std::string& segment) { return segment.substr(1, segment.size() - 2); }

// A decoded segment that could be taken for a part of a path.
bool IsTreacherous(const std::string& segment) {
  return segment.empty() || segment == "." || segment == ".." ||
         std::any_of(segment.begin(), segment.end(), [](char c) {
           return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

int64_t CodePoints(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::string_view TypeName(FieldKind kind) {
  switch (kind) {
    case FieldKind::kText:
      return "a text";
    case FieldKind::kInteger:
      return "a whole number";
    case FieldKind::kNumber:
      return "a number";
    case FieldKind::kBoolean:
      return "true or false";
    case FieldKind::kObject:
      return "an object";
    case FieldKind::kTexts:
      return "a list of texts";
    case FieldKind::kIntegers:
      return "a list of whole numbers";
    case FieldKind::kObjects:
      return "a list of objects";
  }
  return "";
}

bool HasKind(const Json& value, FieldKind kind) {
  const auto all = [&](auto&& is) {
    return value.is_array() && std::all_of(value.begin(), value.end(), is);
  };
  switch (kind) {
    case FieldKind::kText:
      return value.is_string();
    case FieldKind::kInteger:
      return value.is_number_integer();
    case FieldKind::kNumber:
      return value.is_number() && std::isfinite(value.get<double>());
    case FieldKind::kBoolean:
      return value.is_boolean();
    case FieldKind::kObject:
      return value.is_object();
    case FieldKind::kTexts:
      return all([](const Json& item) { return item.is_string(); });
    case FieldKind::kIntegers:
      return all([](const Json& item) { return item.is_number_integer(); });
    case FieldKind::kObjects:
      return all([](const Json& item) { return item.is_object(); });
  }
  return false;
}

bool IsInRange(const Json& value, const Field& field) {
  const auto within = [&](double number) {
    return number >= field.minimum && number <= field.maximum;
  };
  switch (field.kind) {
    case FieldKind::kText:
      return within(static_cast<double>(CodePoints(value.get<std::string>())));
    case FieldKind::kInteger:
    case FieldKind::kNumber:
      return within(value.get<double>());
    case FieldKind::kIntegers:
      return std::all_of(value.begin(), value.end(),
                         [&](const Json& item) { return within(item.get<double>()); });
    default:
      return true;
  }
}

std::string RangeText(const Field& field) {
  const auto number = [](double value) {
    return value == std::floor(value) && std::abs(value) < 1e15
               ? std::to_string(static_cast<int64_t>(value))
               : std::to_string(value);
  };
  const std::string unit = field.kind == FieldKind::kText ? " characters" : "";
  if (std::isinf(field.maximum)) return "at least " + number(field.minimum) + unit;
  if (std::isinf(field.minimum)) return "at most " + number(field.maximum) + unit;
  return number(field.minimum) + " to " + number(field.maximum) + unit;
}

std::optional<Problem> WrongWith(const Json& json, const Field& field) {
  const std::string name(field.name);
  const auto found = json.find(name);
  if (found == json.end() || (found->is_null() && !field.nullable)) {
    if (!field.required && found == json.end()) return std::nullopt;
    if (field.required) return BadRequest(name, "\"" + name + "\" is missing");
  }
  if (found->is_null() && field.nullable) return std::nullopt;
  if (!HasKind(*found, field.kind)) {
    return BadRequest(name, "\"" + name + "\" must be " + std::string(TypeName(field.kind)));
  }
  if (!IsInRange(*found, field)) {
    return BadRequest(name, "\"" + name + "\" must be " + RangeText(field));
  }
  if (!field.allowed.empty()) {
    const auto choices = Split(field.allowed, '|');
    if (std::find(choices.begin(), choices.end(), found->get<std::string>()) == choices.end()) {
      return BadRequest(name, "\"" + name + "\" must be one of " + std::string(field.allowed));
    }
  }
  return std::nullopt;
}

Json SchemaOf(const Field& field) {
  Json schema;
  const auto typed = [&](const char* type) -> Json {
    return field.nullable ? Json::array({type, "null"}) : Json(type);
  };
  switch (field.kind) {
    case FieldKind::kText:
      schema["type"] = typed("string");
      break;
    case FieldKind::kInteger:
      schema["type"] = typed("integer");
      break;
    case FieldKind::kNumber:
      schema["type"] = typed("number");
      break;
    case FieldKind::kBoolean:
      schema["type"] = typed("boolean");
      break;
    case FieldKind::kObject:
      schema["type"] = typed("object");
      break;
    case FieldKind::kTexts:
      schema = {{"type", typed("array")}, {"items", {{"type", "string"}}}};
      break;
    case FieldKind::kIntegers:
      schema = {{"type", typed("array")}, {"items", {{"type", "integer"}}}};
      break;
    case FieldKind::kObjects:
      schema = {{"type", typed("array")}, {"items", {{"type", "object"}}}};
      break;
  }
  const bool is_number = field.kind == FieldKind::kInteger || field.kind == FieldKind::kNumber;
  const bool is_text = field.kind == FieldKind::kText;
  if (std::isfinite(field.minimum) && (is_number || is_text)) {
    schema[is_text ? "minLength" : "minimum"] = field.minimum;
  }
  if (std::isfinite(field.maximum) && (is_number || is_text)) {
    schema[is_text ? "maxLength" : "maximum"] = field.maximum;
  }
  if (!field.allowed.empty()) schema["enum"] = Split(field.allowed, '|');
  if (!field.help.empty()) schema["description"] = field.help;
  return schema;
}

Json RequestBodyOf(const Route& route) {
  const Json binary{{"schema", {{"type", "string"}, {"contentMediaType", "binary"}}}};
  if (route.body == BodyKind::kPicture) {
    return {{"required", true},
            {"content", {{"image/jpeg", binary}, {"image/png", binary}, {"image/webp", binary}}}};
  }
  if (route.body == BodyKind::kFile) {
    return {{"required", true},
            {"content", {{"application/octet-stream", binary}, {"application/zip", binary}}}};
  }
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : route.fields) {
    properties[std::string(field.name)] = SchemaOf(field);
    if (field.required) required.push_back(field.name);
  }
  Json schema{{"type", "object"}, {"properties", properties}};
  if (!required.empty()) schema["required"] = required;
  return {{"required", !required.empty()},
          {"content", {{"application/json", {{"schema", schema}}}}}};
}

Json OperationOf(const Route& route, const std::vector<std::string>& segments) {
  Json operation{{"summary", route.summary}};
  Json parameters = Json::array();
  for (const std::string& segment : segments) {
    if (!IsParameter(segment)) continue;
    parameters.push_back({{"name", NameOf(segment)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  for (const QueryParameter& parameter : route.query) {
    parameters.push_back({{"name", parameter.name},
                          {"in", "query"},
                          {"description", parameter.help},
                          {"schema", {{"type", "string"}}}});
  }
  if (!parameters.empty()) operation["parameters"] = parameters;
  if (route.body != BodyKind::kNone) operation["requestBody"] = RequestBodyOf(route);
  operation["responses"] = {
      {"2XX", {{"description", "done"}, {"content", {{route.answers, Json::object()}}}}},
      {"default", {{"$ref", "#/components/responses/Problem"}}}};
  if (route.is_public) operation["security"] = Json::array();
  return operation;
}

}  // namespace

void Router::Add(Route route) {
  patterns_.push_back({Split(std::string_view(route.path).substr(1), '/')});
  routes_.push_back(std::move(route));
}

std::variant<Router::Match, Problem> Router::Find(std::string_view method,
                                                  std::string_view path) const {
  std::vector<std::string> segments;
  for (const std::string& raw : Split(path.substr(1), '/')) {
    const auto decoded = PercentDecoded(raw, false);
    if (!decoded || (!raw.empty() && IsTreacherous(*decoded))) {
      return BadRequest("", "the address is malformed", "Escape names as UTF-8, without slashes.");
    }
    segments.push_back(*decoded);
  }
  std::string allowed;
  for (size_t i = 0; i < routes_.size(); ++i) {
    const auto& pattern = patterns_[i].segments;
    if (pattern.size() != segments.size()) continue;
    Match match{.route = &routes_[i], .parameters = {}};
    const bool fits = std::equal(pattern.begin(), pattern.end(), segments.begin(),
                                 [&](const auto& wanted, const auto& is) {
                                   if (!IsParameter(wanted)) return wanted == is;
                                   match.parameters[NameOf(wanted)] = is;
                                   return !is.empty();
                                 });
    if (!fits) continue;
    const std::string& known = routes_[i].method;
    if (known == method || (known == "GET" && method == "HEAD")) return match;
    allowed += (allowed.empty() ? "" : ", ") + known + (known == "GET" ? ", HEAD" : "");
  }
  if (allowed.empty()) {
    return NotThere("nothing is at " + std::string(path.substr(0, 200)),
                    "GET /api/v1/openapi.json lists what there is.");
  }
  return Problem{.status = 405,
                 .type = "wrong-method",
                 .title = "That cannot be done here",
                 .detail = "this address takes " + allowed,
                 .remedy = "GET /api/v1/openapi.json lists what there is.",
                 .code = ErrorCode::kUsage,
                 .headers = {{"Allow", allowed}}};
}

Json Router::OpenApi(std::string_view version) const {
  Json paths = Json::object();
  for (size_t i = 0; i < routes_.size(); ++i) {
    const Route& route = routes_[i];
    if (!route.path.starts_with("/api/")) continue;
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(),
                   [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    paths[route.path][method] = OperationOf(route, patterns_[i].segments);
  }
  const Json problem{{"type", "object"},
                     {"properties",
                      {{"type", {{"type", "string"}}},
                       {"title", {{"type", "string"}}},
                       {"status", {{"type", "integer"}}},
                       {"detail", {{"type", "string"}}},
                       {"remedy", {{"type", "string"}}},
                       {"code", {{"type", "string"}}}}},
                     {"required", {"type", "title", "status", "detail", "remedy", "code"}}};
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Deixis studio"}, {"version", version}}},
          {"security", {{{"cookie", Json::array()}}, {{"bearer", Json::array()}}}},
          {"paths", paths},
          {"components",
           {{"schemas", {{"Problem", problem}}},
            {"responses",
             {{"Problem",
               {{"description", "what went wrong, and what to do"},
                {"content",
                 {{"application/problem+json",
                   {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}}}}},
            {"securitySchemes",
             {{"cookie", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "deixis_session_PORT"}}},
              {"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

std::variant<Json, Problem> ReadJsonBody(const std::string& body,
                                         const std::vector<Field>& fields) {
  // Deep nesting would be taken apart by recursion: nothing here needs more than a few levels.
  static constexpr int kMaxDepth = 32;
  bool is_too_deep = false;
  const auto limit = [&](int depth, Json::parse_event_t, Json&) {
    is_too_deep = is_too_deep || depth > kMaxDepth;
    return !is_too_deep;
  };
  Json json = Json::object();
  if (!body.empty()) json = Json::parse(body, limit, /*allow_exceptions=*/false);
  if (is_too_deep || json.is_discarded()) return BadRequest("", "the body is no JSON");
  if (!json.is_object()) return BadRequest("", "the body must be a JSON object");
  for (const Field& field : fields) {
    if (auto problem = WrongWith(json, field)) return *std::move(problem);
  }
  return json;
}

}  // namespace deixis::studio
