#include "engine.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace deixis::compare {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NanosecondsSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

// Of this process now; 0 where the system does not say.
int64_t ResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

template <typename T>
std::string JsonArray(std::span<const T> values) {
  std::ostringstream text;
  text.precision(9);
  text << '[';
  for (size_t i = 0; i < values.size(); ++i) text << (i > 0 ? "," : "") << values[i];
  text << ']';
  return text.str();
}

void Serve(Engine& engine) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    int num_uncounted = 0;
    int num_counted = 0;
    if (!(words >> verb >> num_uncounted >> num_counted) || verb != "run") {
      throw std::runtime_error("expected \"run UNCOUNTED COUNTED\", found \"" + line + "\"");
    }
    for (int run = 0; run < num_uncounted; ++run) engine.Run();
    std::vector<int64_t> nanoseconds(static_cast<size_t>(num_counted));
    for (int64_t& elapsed : nanoseconds) {
      const auto start = Clock::now();
      engine.Run();
      elapsed = NanosecondsSince(start);
    }
    std::cout << "{\"ns\":" << JsonArray<int64_t>(nanoseconds) << "}" << std::endl;
  }
}

}  // namespace

int EngineMain(int argc, char** argv, Engine& engine) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s MODEL PIXELS INPUT THREADS\n", argv[0]);
    return 2;
  }
  try {
    const EngineArguments arguments{argv[1], argv[2], argv[3], std::stoi(argv[4])};
    const int64_t idle_rss_bytes = ResidentBytes();
    const auto start = Clock::now();
    engine.Load(arguments);
    const std::span<const float> logits = engine.Run();
    const int64_t load_ns = NanosecondsSince(start);
    std::cout << "{\"load_ms\":" << static_cast<double>(load_ns) / 1e6
              << ",\"idle_rss_bytes\":" << idle_rss_bytes << ",\"logits\":" << JsonArray(logits)
              << "}" << std::endl;
    Serve(engine);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

template <typename T>
std::vector<T> ReadValues(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::ostringstream content;
  content << file.rdbuf();
  const std::string bytes = content.str();
  if (bytes.size() % sizeof(T) != 0) throw std::runtime_error(path + ": expected whole values");
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template std::vector<uint8_t> ReadValues(const std::string& path);
template std::vector<float> ReadValues(const std::string& path);

}  // namespace deixis::compare
