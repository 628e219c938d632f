#include "studio/jobs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "vision/camera/frame_source.h"

namespace deixis::studio {
namespace {

namespace fs = std::filesystem;

constexpr auto kPoll = std::chrono::milliseconds(100);
constexpr int64_t kPublishEveryMs = 100;
constexpr int64_t kMostOutputBytes = int64_t{64} << 20;

std::string TimeText(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[48];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

Json ErrorJson(ErrorCode code, const std::string& message, const std::string& remedy) {
  return {{"code", ErrorCodeName(code)}, {"message", message}, {"remedy", remedy}};
}

// What has been added to a file since `from`.
std::string ReadFrom(const std::string& path, int64_t& from) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(from);
  std::string text(256 * 1024, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  from += static_cast<int64_t>(text.size());
  return text;
}

// The object that a program wrote, or the last of several, one on each line.
Json OutputOf(const std::string& path) {
  auto text = ReadTextFile(path, kMostOutputBytes);
  if (!text.ok()) return nullptr;
  Json whole = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_object()) return whole;
  while (!text->empty() && text->back() == '\n') text->pop_back();
  const size_t line = text->rfind('\n');
  whole = Json::parse(line == std::string::npos ? *text : text->substr(line + 1), nullptr, false);
  return whole.is_object() ? whole : Json(nullptr);
}

// Between fork and exec only what is safe in a child of a program with threads.
[[noreturn]] void RunChildProgram(char* const* arguments, int output, int progress) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // the server's end is the job's
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(progress, 2) < 0) {
    _exit(126);
  }
  close_range(3, ~0u, 0);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(arguments[0], arguments);
  _exit(127);
}

Problem ProjectClosed() {
  return Conflict("another project has been opened", "Load the page again.");
}

}  // namespace

Jobs::Jobs(std::string folder, EventBus* events, Planner planner)
    : folder_(std::move(folder)), events_(events), planner_(std::move(planner)) {
  Load();
  watcher_ = std::thread([this] { Watch(); });
}

Jobs::~Jobs() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    for (const Running& running : running_) kill(-running.pid, SIGKILL);
  }
  changed_.notify_all();
  watcher_.join();
}

void Jobs::Load() {
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string id = entry->path().filename().string();
    auto text = ReadTextFile(entry->path().string() + "/job.json");
    if (!text.ok()) continue;
    Json job = Json::parse(*text, nullptr, false);
    if (!job.is_object() || job.value("id", "") != id) continue;
    const bool was_running = job.value("state", "") == "running";
    jobs_[id] = std::move(job);
    if (!was_running) continue;
    Json& lost = jobs_[id];
    Running ended;
    ended.id = id;
    while (ReadProgress(ended, lost)) {
    }
    lost["state"] = "lost";
    lost["eta_ms"] = nullptr;
    lost["finished"] = TimeText("%Y-%m-%dT%H:%M:%SZ");
    lost["can_resume"] = fs::exists(lost.value("checkpoint", "-"), error);
    lost["error"] = ErrorJson(
        ErrorCode::kInterrupted, "the studio ended while this ran",
        lost["can_resume"] ? "Resume it; it goes on from its last checkpoint." : "Start it again.");
    SaveLocked(id);
  }
}

void Jobs::SaveLocked(const std::string& id) {
  // A record that cannot be written is still in memory; the next start does not know of it.
  (void)WriteFileAtomically(FolderOf(id) + "/job.json", jobs_[id].dump(1) + "\n");
}

Json Jobs::BriefLocked(const Json& job) const {
  Json brief = job;
  brief.erase("result");
  const auto curve = job.find("curve");
  if (curve != job.end() && curve->is_array() && !curve->empty()) brief["point"] = curve->back();
  brief.erase("curve");
  return brief;
}

Json Jobs::List() const {
  const std::lock_guard lock(mutex_);
  Json list = Json::array();
  for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
    list.push_back(BriefLocked(job->second));
  }
  return list;
}

std::optional<Json> Jobs::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? std::nullopt : std::optional(found->second);
}

Status Jobs::Close() {
  const std::lock_guard lock(mutex_);
  if (!running_.empty() || !to_start_.empty()) {
    return Error{ErrorCode::kBusy, "a job of this project is still running",
                 "Wait for it, or cancel it."};
  }
  is_closed_ = true;
  return Ok();
}

void Jobs::Reopen() {
  const std::lock_guard lock(mutex_);
  is_closed_ = false;
}

Reply Jobs::Start(const Json& request) {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return ProjectClosed();
  const std::string base = TimeText("%Y%m%d-%H%M%S");
  std::string id = base;
  for (int i = 2; jobs_.contains(id) || fs::exists(FolderOf(id)); ++i) {
    id = base + "-" + std::to_string(i);
  }
  std::error_code error;
  fs::create_directories(FolderOf(id), error);
  if (error) return ResourceError(FolderOf(id) + ": " + error.message(), "make room on the disk");
  auto plan = planner_(request, FolderOf(id));
  Reply reply = Empty();
  if (!plan.ok()) {
    reply = plan.error();
  } else {
    for (const auto& [other_id, job] : jobs_) {
      if (!plan->is_heavy || job["state"] != "running" || !job["heavy"].get<bool>()) continue;
      Problem problem = Conflict("\"" + job["kind"].get<std::string>() + "\" is still running",
                                 "Wait for it, or cancel it.");
      problem.type = "job-running";
      problem.title = "One at a time";
      problem.more = Json{{"job", other_id}};
      reply = problem;
      plan = InternalError("");
      break;
    }
  }
  if (!plan.ok()) {
    fs::remove_all(FolderOf(id), error);
    return reply;
  }
  jobs_[id] = {{"id", id},
               {"kind", request["kind"]},
               {"heavy", plan->is_heavy},
               {"state", "running"},
               {"request", request},
               {"created", TimeText("%Y-%m-%dT%H:%M:%SZ")},
               {"finished", nullptr},
               {"elapsed_ms", 0},
               {"eta_ms", nullptr},
               {"progress", nullptr},
               {"curve", Json::array()},
               {"result", nullptr},
               {"error", nullptr},
               {"can_resume", false},
               {"checkpoint", plan->checkpoint_path},
               {"model", nullptr}};
  SaveLocked(id);
  to_start_.emplace_back(id, false);
  changed_.notify_all();
  events_->Publish("job", BriefLocked(jobs_[id]));
  Response response = JsonResponse(jobs_[id], 202);
  response.headers.emplace_back("Location", "/api/v1/jobs/" + id);
  return response;
}

Reply Jobs::Resume(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return ProjectClosed();
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NotThere("there is no job \"" + id + "\"");
  Json& job = found->second;
  if (!job["can_resume"].get<bool>()) {
    return Conflict("this job left nothing to go on from", "Start it again.");
  }
  for (const auto& [other_id, other] : jobs_) {
    if (other["state"] != "running" || !other["heavy"].get<bool>()) continue;
    Problem problem = Conflict("another job is still running", "Wait for it, or cancel it.");
    problem.type = "job-running";
    problem.more = Json{{"job", other_id}};
    return problem;
  }
  job["state"] = "running";
  job["error"] = nullptr;
  job["finished"] = nullptr;
  job["can_resume"] = false;
  SaveLocked(id);
  to_start_.emplace_back(id, true);
  changed_.notify_all();
  events_->Publish("job", BriefLocked(job));
  return JsonResponse(job, 202);
}

Reply Jobs::CancelOrForget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NotThere("there is no job \"" + id + "\"");
  for (Running& running : running_) {
    if (running.id != id) continue;
    // A program that is asked to end leaves nothing half written.
    running.is_cancelled = true;
    kill(-running.pid, SIGTERM);
    return JsonResponse(found->second, 202);
  }
  if (found->second["state"] == "running") {
    return Conflict("the job is just being started", "Try again in a moment.");
  }
  std::error_code ignored;
  fs::remove_all(FolderOf(id), ignored);
  jobs_.erase(found);
  return Empty();
}

Status Jobs::SpawnLocked(const std::string& id, JobPlan plan, bool resumes) {
  Running running;
  running.id = id;
  running.started_ms = camera::SteadyNowMs();
  const std::string folder = FolderOf(id);
  const auto open_file = [&](const char* name) {
    return Descriptor(
        open((folder + name).c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  };
  const Descriptor output = open_file("/output");
  const Descriptor progress = open_file("/progress");
  if (!output.is_open() || !progress.is_open()) {
    return ResourceError(folder + ": its files cannot be written", "make room on the disk");
  }
  const auto& command = resumes ? plan.resume_command : plan.command;
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  running.pid = fork();
  if (running.pid == 0) RunChildProgram(arguments.data(), output.get(), progress.get());
  if (running.pid < 0) {
    return ResourceError("no process can be started", "end other programs, and start it again");
  }
  setpgid(running.pid, running.pid);  // whichever of the two comes first
  running.plan = std::move(plan);
  running_.push_back(std::move(running));
  return Ok();
}

void Jobs::TakeLine(const std::string& line, Json& job) {
  const Json told = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) return;
  const std::string event = told.value("event", "");
  if (event == "progress" && told.contains("share")) {
    job["progress"] = {{"task", told.value("task", "")},
                       {"detail", told.value("detail", "")},
                       {"share", told["share"]},
                       {"done", told.value("done", Json(nullptr))},
                       {"total", told.value("total", Json(nullptr))}};
  } else if (event == "progress" && told.contains("steps")) {
    // deixis-train, within an epoch.
    const double epochs = std::max(1.0, told.value("epochs", 1.0));
    const double steps = std::max(1.0, told.value("steps", 1.0));
    const double share = (told.value("epoch", 1.0) - 1 + told.value("step", 0.0) / steps) / epochs;
    job["progress"] = {{"task", "training"},
                       {"detail", "epoch " + std::to_string(told.value("epoch", 1))},
                       {"share", std::clamp(share, 0.0, 1.0)}};
    if (told.contains("eta_s")) job["eta_ms"] = told["eta_s"].get<double>() * 1000;
  } else if (event == "epoch" && told.contains("held_out") && told["held_out"].is_object()) {
    const auto score = [](const Json& side) -> Json {
      if (side.contains("top1")) return side["top1"];
      return side.value("mean_error_px", Json(nullptr));
    };
    job["score"] = told["held_out"].contains("top1") ? "top1" : "mean_error_px";
    const Json train = told.value("train", Json::object());
    const int epoch = told.value("epoch", 0);
    Json& curve = job["curve"];
    // A training that goes on where it was killed may tell its last epoch again.
    while (!curve.empty() && curve.back().value("epoch", 0) >= epoch) curve.erase(curve.size() - 1);
    curve.push_back({{"epoch", epoch},
                     {"epochs", told.value("epochs", 0)},
                     {"train_loss", train.value("loss", Json(nullptr))},
                     {"held_out_loss", told["held_out"].value("loss", Json(nullptr))},
                     {"train_score", score(train)},
                     {"held_out_score", score(told["held_out"])},
                     {"seconds", told.value("seconds", Json(nullptr))}});
    const double epochs = std::max(1.0, told.value("epochs", 1.0));
    job["progress"] = {{"task", "training"},
                       {"detail", "epoch " + std::to_string(epoch)},
                       {"share", std::clamp(epoch / epochs, 0.0, 1.0)}};
    if (told.contains("eta_s")) job["eta_ms"] = told["eta_s"].get<double>() * 1000;
  }
}

bool Jobs::ReadProgress(Running& running, Json& job) {
  bool came = false;
  const auto take = [&](const char* name, int64_t& at, std::string& rest) {
    rest += ReadFrom(FolderOf(running.id) + name, at);
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      try {
        TakeLine(rest.substr(0, end), job);
      } catch (const Json::exception&) {
        // A member of another kind than was agreed: one line less.
      }
      rest.erase(0, end + 1);
      came = true;
    }
    if (rest.size() > (size_t{1} << 20)) rest.clear();
  };
  take("/progress", running.told_bytes, running.told_rest);
  take("/output", running.said_bytes, running.said_rest);
  return came;
}

void Jobs::EndLocked(Running& running, int wait_status, int64_t peak_rss_bytes) {
  Json& job = jobs_[running.id];
  while (ReadProgress(running, job)) {
  }
  job["finished"] = TimeText("%Y-%m-%dT%H:%M:%SZ");
  job["elapsed_ms"] = camera::SteadyNowMs() - running.started_ms;
  job["eta_ms"] = nullptr;
  job["peak_rss_bytes"] = peak_rss_bytes;
  std::error_code ignored;
  const auto can_resume = [&] {
    return !running.plan.resume_command.empty() &&
           fs::exists(running.plan.checkpoint_path, ignored);
  };
  const Json output = OutputOf(FolderOf(running.id) + "/output");
  if (running.is_cancelled) {
    job["state"] = "cancelled";
    job["can_resume"] = can_resume();
  } else if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    job["state"] = "lost";
    job["can_resume"] = can_resume();
    job["error"] = ErrorJson(
        number == SIGKILL ? ErrorCode::kResources : ErrorCode::kInternal,
        number == SIGKILL
            ? "the process was killed from outside, most likely because memory ran out"
            : std::string("the process ended by itself: ") + strsignal(number),
        job["can_resume"] ? "Free some memory and resume it; it goes on from its last checkpoint."
                          : "Free some memory and start it again, with fewer pictures at once.");
  } else if (WEXITSTATUS(wait_status) == 0) {
    try {
      auto result = running.plan.finish(output, job);
      if (result.ok()) {
        job["state"] = "done";
        job["result"] = std::move(*result);
        job["progress"] = {{"task", "done"}, {"detail", ""}, {"share", 1}};
      } else {
        job["state"] = "failed";
        job["error"] =
            ErrorJson(result.error().code, result.error().message, result.error().remedy);
      }
    } catch (const std::exception& exception) {
      job["state"] = "failed";
      job["error"] = ErrorJson(ErrorCode::kInternal, exception.what(), "");
    }
  } else {
    job["state"] = "failed";
    job["can_resume"] = can_resume();
    if (output.is_object() && output.contains("error") && output["error"].is_object()) {
      const Json& error = output["error"];
      job["error"] = ErrorJson(static_cast<ErrorCode>(WEXITSTATUS(wait_status)),
                               error.value("message", ""), error.value("remedy", ""));
    } else {
      auto text = ReadTextFile(FolderOf(running.id) + "/progress", kMostOutputBytes);
      std::string said = text.ok() ? *text : std::string();
      if (said.size() > 2000) said = said.substr(said.size() - 2000);
      job["error"] = ErrorJson(static_cast<ErrorCode>(WEXITSTATUS(wait_status)),
                               said.empty() ? "the process said nothing" : said,
                               "The log has all that it said.");
    }
  }
  SaveLocked(running.id);
  events_->Publish("job", BriefLocked(job));
}

void Jobs::Watch() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    for (const auto& [id, resumes] : std::exchange(to_start_, {})) {
      auto plan = planner_(jobs_[id]["request"], FolderOf(id));
      Status status = plan.ok() ? Ok() : Status(plan.error());
      if (status.ok()) status = SpawnLocked(id, std::move(*plan), resumes);
      if (status.ok()) continue;
      jobs_[id]["state"] = "failed";
      jobs_[id]["error"] =
          ErrorJson(status.error().code, status.error().message, status.error().remedy);
      SaveLocked(id);
      events_->Publish("job", BriefLocked(jobs_[id]));
    }
    for (size_t i = 0; i < running_.size();) {
      Running& running = running_[i];
      Json& job = jobs_[running.id];
      int wait_status = 0;
      rusage usage = {};
      const pid_t ended = wait4(running.pid, &wait_status, WNOHANG, &usage);
      if (ended == running.pid) {
        EndLocked(running, wait_status, static_cast<int64_t>(usage.ru_maxrss) * 1024);
        running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
        continue;
      }
      const bool came = ReadProgress(running, job);
      const int64_t now_ms = camera::SteadyNowMs();
      job["elapsed_ms"] = now_ms - running.started_ms;
      if (came && job["progress"].is_object()) {
        const double share = job["progress"].value("share", 0.0);
        const bool is_trained = !job["curve"].empty();
        if (share > 0.01 && !is_trained) {
          job["eta_ms"] = static_cast<double>(now_ms - running.started_ms) * (1 - share) / share;
        }
      }
      if (came && now_ms - running.published_ms >= kPublishEveryMs) {
        running.published_ms = now_ms;
        events_->Publish("job", BriefLocked(job));
      }
      ++i;
    }
    const auto wait = running_.empty() ? std::chrono::seconds(60) : std::chrono::seconds(0);
    if (running_.empty()) {
      changed_.wait_for(lock, wait, [&] { return is_ending_ || !to_start_.empty(); });
    } else {
      changed_.wait_for(lock, kPoll);
    }
  }
  for (Running& running : running_) {
    kill(-running.pid, SIGKILL);
    waitpid(running.pid, nullptr, 0);
  }
}

}  // namespace deixis::studio
