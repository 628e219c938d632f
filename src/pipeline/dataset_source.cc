#include "pipeline/dataset_source.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "format/printable.h"
#include "vision/dataset.h"

namespace deixis {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFreeBytes = int64_t{64} << 20;

bool IsHidden(std::string_view file) {
  for (size_t begin = 0; begin < file.size();) {
    const size_t end = std::min(file.find('/', begin), file.size());
    const std::string_view part = file.substr(begin, end - begin);
    if (part.starts_with('.') || part == "__MACOSX") return true;
    begin = end + 1;
  }
  return false;
}

// A name that stays where it is unpacked to, on every system.
bool IsSafe(std::string_view name) {
  if (name.empty() || name.starts_with('/') || name.size() > 4096) return false;
  if (name.find('\\') != std::string_view::npos || name.find(':') != std::string_view::npos) {
    return false;
  }
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    return false;
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

Error TooMuch(const std::string& path, const std::string& expected, const std::string& found) {
  return InvalidData(path + ": expected " + expected + ", found " + found,
                     "import it in parts, or unpack it yourself if you trust it");
}

}  // namespace

Result<DatasetSource> DatasetSource::Open(const std::string& path, const SourceLimits& limits) {
  DatasetSource source;
  source.path_ = path;
  source.max_file_bytes_ = limits.max_file_bytes;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return NotFound(path + ": no such file or folder", "check the path");
  }
  DEIXIS_RETURN_IF_ERROR(fs::is_directory(path, error) ? source.ListFolder(limits)
                                                       : source.ListArchive(limits));
  std::ranges::sort(source.files_);
  source.RemoveCommonFolder();
  return source;
}

Status DatasetSource::ListFolder(const SourceLimits& limits) {
  std::error_code error;
  fs::recursive_directory_iterator it(path_, fs::directory_options::none, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code kind_error;
    if (it->path().filename().string().starts_with('.')) {
      if (it->is_directory(kind_error)) it.disable_recursion_pending();
      continue;
    }
    if (it->is_symlink(kind_error)) {
      ++num_links_;
    } else if (it->is_regular_file(kind_error)) {
      files_.push_back(it->path().lexically_relative(path_).generic_string());
      if (static_cast<int64_t>(files_.size()) > limits.max_files) {
        return TooMuch(path_, "at most " + std::to_string(limits.max_files) + " files", "more");
      }
    }
  }
  if (error) return InvalidData(path_ + ": cannot list the folder: " + error.message());
  return Ok();
}

Status DatasetSource::ListArchive(const SourceLimits& limits) {
  DEIXIS_ASSIGN(mapping_, MappedFile::Open(path_));
  const auto bytes = mapping_->bytes();
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "PK", 2) != 0) {
    return InvalidData(path_ + ": expected a folder or a ZIP archive, found another file",
                       "pack the pictures as .zip");
  }
  Result<ZipArchive> archive = ZipArchive::Open(bytes);
  if (!archive.ok()) {
    return Error{archive.error().code, path_ + ": " + archive.error().message,
                 "the archive is damaged; get it again"};
  }
  const auto refuse = [&](const ZipEntry& entry, const std::string& why) {
    return InvalidData(path_ + ": entry " + Quoted(entry.name) + " " + why,
                       "nothing was imported; do not trust this archive");
  };
  uint64_t total = 0;
  for (const ZipEntry& entry : archive->entries()) {
    if (!IsSafe(entry.name)) return refuse(entry, "leads out of the archive");
    if (entry.is_link) return refuse(entry, "is a symbolic link");
    if (entry.is_encrypted) return refuse(entry, "is encrypted");
    if (entry.name.ends_with('/') || IsHidden(entry.name)) continue;
    if (entry.original_bytes > static_cast<uint64_t>(limits.max_file_bytes)) {
      return refuse(entry, "would unpack to " + std::to_string(entry.original_bytes) +
                               " bytes, more than " + std::to_string(limits.max_file_bytes));
    }
    total += entry.original_bytes;
    files_.emplace_back(entry.name);
  }
  if (static_cast<int64_t>(files_.size()) > limits.max_files) {
    return TooMuch(path_, "at most " + std::to_string(limits.max_files) + " files",
                   std::to_string(files_.size()));
  }
  const uint64_t may_be = std::min<uint64_t>(
      static_cast<uint64_t>(limits.max_total_bytes),
      static_cast<uint64_t>(kFreeBytes) + static_cast<uint64_t>(limits.max_ratio) * bytes.size());
  if (total > may_be) {
    return TooMuch(path_,
                   "an archive of " + std::to_string(bytes.size()) +
                       " bytes to unpack to at most " + std::to_string(may_be) + " bytes",
                   std::to_string(total));
  }
  archive_ = std::make_shared<const ZipArchive>(*std::move(archive));
  return Ok();
}

// People pack the folder, not what is in it. A category is not taken for such a folder: it holds
// pictures itself.
void DatasetSource::RemoveCommonFolder() {
  while (!files_.empty()) {
    const size_t slash = files_.front().find('/');
    if (slash == std::string::npos) return;
    const std::string folder = files_.front().substr(0, slash + 1);
    for (const std::string& file : files_) {
      if (!file.starts_with(folder)) return;
      if (file.find('/', folder.size()) == std::string::npos && HasPictureName(file)) {
        // Pictures with a table beside them are a dataset's, those without a category's.
        const bool has_table = std::ranges::any_of(files_, [&](const std::string& other) {
          return other == folder + "labels.csv" || other == folder + "points.csv";
        });
        if (!has_table) return;
      }
    }
    for (std::string& file : files_) file.erase(0, folder.size());
    common_folder_ += folder;
  }
}

Result<std::vector<std::byte>> DatasetSource::Read(const std::string& file) const {
  const std::string name = common_folder_ + file;
  if (archive_) {
    const ZipEntry* entry = archive_->Find(name);
    if (entry == nullptr) return NotFound(path_ + ": no entry " + Quoted(name));
    auto bytes = ZipArchive::Extract(*entry, static_cast<uint64_t>(max_file_bytes_));
    if (!bytes.ok()) return bytes.error().WithContext(path_);
    return bytes;
  }
  const std::string path = (fs::path(path_) / name).string();
  DEIXIS_ASSIGN(const auto mapping, MappedFile::Open(path));
  if (static_cast<int64_t>(mapping->bytes().size()) > max_file_bytes_) {
    return InvalidData(path + ": expected at most " + std::to_string(max_file_bytes_) +
                       " bytes, found " + std::to_string(mapping->bytes().size()));
  }
  return std::vector<std::byte>(mapping->bytes().begin(), mapping->bytes().end());
}

}  // namespace deixis
