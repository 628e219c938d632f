#include "pipeline/embedding_cache.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "base/dtype.h"
#include "base/file.h"
#include "format/digest.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

// A file: magic, digest of the rest, height, width, number of values, values as half floats; all
// little-endian.
constexpr std::string_view kMagic = "DXEMB001";
constexpr size_t kDigestChars = 64;
constexpr size_t kHeaderBytes = kMagic.size() + kDigestChars;
constexpr size_t kNumbersBytes = 3 * sizeof(int64_t);
static_assert(std::endian::native == std::endian::little);

std::string Payload(const EmbeddingCache::Entry& entry) {
  const int64_t numbers[3] = {entry.size.height_px, entry.size.width_px,
                              static_cast<int64_t>(entry.values.size())};
  std::string payload(kNumbersBytes + 2 * entry.values.size(), '\0');
  std::memcpy(payload.data(), numbers, kNumbersBytes);
  char* to = payload.data() + kNumbersBytes;
  for (const float value : entry.values) {
    const uint16_t half = FloatToHalf(value);
    std::memcpy(to, &half, sizeof half);
    to += sizeof half;
  }
  return payload;
}

std::string DigestOf(std::string_view text) { return Sha256Hex(std::as_bytes(std::span(text))); }

}  // namespace

EmbeddingCache EmbeddingCache::OfUser() {
  constexpr int64_t kMaxBytes = int64_t{1} << 30;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return {std::string(cache) + "/deixis/embeddings", kMaxBytes};
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return {std::string(home) + "/.cache/deixis/embeddings", kMaxBytes};
  }
  return {};
}

std::optional<EmbeddingCache::Entry> EmbeddingCache::Find(const std::string& key,
                                                          int64_t length) const {
  if (!keeps()) return std::nullopt;
  const std::string path = PathOf(key);
  std::ifstream file(path, std::ios::binary);
  const size_t expected = kHeaderBytes + kNumbersBytes + 2 * static_cast<size_t>(length);
  std::string bytes(expected + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<size_t>(file.gcount()) != expected) return std::nullopt;
  const std::string_view text(bytes.data(), expected);
  const std::string_view payload = text.substr(kHeaderBytes);
  if (!text.starts_with(kMagic) || text.substr(kMagic.size(), kDigestChars) != DigestOf(payload)) {
    return std::nullopt;
  }
  int64_t numbers[3];
  std::memcpy(numbers, payload.data(), kNumbersBytes);
  if (numbers[2] != length) return std::nullopt;
  Entry entry{.size = {.height_px = numbers[0], .width_px = numbers[1]}, .values = {}};
  entry.values.reserve(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; ++i) {
    uint16_t half;
    std::memcpy(&half, payload.data() + kNumbersBytes + 2 * i, sizeof half);
    entry.values.push_back(HalfToFloat(half));
  }
  std::error_code ignored;  // when it was used last
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return entry;
}

void EmbeddingCache::Keep(const std::string& key, const Entry& entry) const {
  if (!keeps()) return;
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure) return;
  const std::string payload = Payload(entry);
  const size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id());
  const std::string temporary =
      PathOf(key) + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(thread);
  {
    // Without waiting for the disk: a file that a power cut leaves behind fails its digest.
    std::ofstream file(temporary, std::ios::binary);
    file << kMagic << DigestOf(payload) << payload;
    if (!file.flush()) {
      file.close();
      fs::remove(temporary, failure);
      return;
    }
  }
  fs::rename(temporary, PathOf(key), failure);
  if (failure) fs::remove(temporary, failure);
}

void EmbeddingCache::Trim() const {
  if (!keeps()) return;
  struct Kept {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
  };
  std::vector<Kept> entries;
  int64_t total = 0;
  std::error_code failure;
  for (fs::directory_iterator it(folder_, failure), end; !failure && it != end;
       it.increment(failure)) {
    std::error_code unknown;
    const auto bytes = static_cast<int64_t>(it->file_size(unknown));
    const auto used = it->last_write_time(unknown);
    if (unknown) continue;
    entries.push_back({.used = used, .bytes = bytes, .path = it->path()});
    total += bytes;
  }
  if (total <= max_bytes_) return;
  std::ranges::sort(entries, {}, &Kept::used);
  for (const Kept& entry : entries) {
    if (total <= max_bytes_ / 5 * 4) return;
    std::error_code ignored;
    if (fs::remove(entry.path, ignored)) total -= entry.bytes;
  }
}

std::string BackboneDigest(const Model& backbone) {
  Model body = backbone;
  body.layers.erase(body.architecture.head_name);
  body.task = Task::kClassify;
  body.tells_presence = false;
  body.class_names.clear();
  body.provenance.clear();
  const TensorFile file = ModelToTensors(body);
  std::string text;
  for (const auto& [key, value] : file.metadata) text += key + "=" + value + "\n";
  text += HeadNameOf(body.architecture);
  text += std::to_string(body.architecture.pooled_stages) + "\n";
  for (const NamedTensor& named : file.tensors) {
    text +=
        named.name + " " + ToString(named.tensor.shape()) + " " + Sha256Hex(named.tensor) + "\n";
  }
  return DigestOf(text);
}

Result<std::string> EmbeddingKey(const std::string& picture_path,
                                 const std::string& backbone_digest) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(picture_path));
  return DigestOf(backbone_digest + " " + Sha256Hex(file->bytes()));
}

// The number after "varied" changes with what a copy is (Vary() in embedding.cc).
std::string VariedKey(const std::string& key, int copy) {
  return DigestOf(key + " varied 1 copy " + std::to_string(copy));
}

}  // namespace deixis
