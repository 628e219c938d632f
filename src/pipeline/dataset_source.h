// Where pictures are imported from: a folder or a ZIP archive, as one list of files.
//
// What comes from elsewhere is not trusted. Names that lead out of their archive, links, encrypted
// entries, and archives that would unpack to far more than they are, are refused as a whole; of a
// folder, links are passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "format/zip.h"

namespace deixis {

struct SourceLimits {
  int64_t max_files = 500'000;
  int64_t max_file_bytes = int64_t{256} << 20;
  int64_t max_total_bytes = int64_t{64} << 30;
  // Of an archive's unpacked size to its own, beyond its first 64 MiB: pictures hardly compress.
  int64_t max_ratio = 50;
};

class DatasetSource {
 public:
  // kNotFound, kInvalidData. A folder is listed, an archive's directory is read and proven;
  // pictures are not opened.
  static Result<DatasetSource> Open(const std::string& path, const SourceLimits& limits = {});

  // Relative to the folder, or in the archive, with forward slashes; sorted. Hidden files and
  // folders are left out (and __MACOSX); so is a folder that everything lies in.
  const std::vector<std::string>& files() const { return files_; }
  // Files that were left out because they are links.
  int64_t num_links() const { return num_links_; }
  const std::string& path() const { return path_; }
  bool is_archive() const { return archive_ != nullptr; }

  // The bytes of one of files(). Safe from any thread, and after the source has moved.
  Result<std::vector<std::byte>> Read(const std::string& file) const;

 private:
  Status ListFolder(const SourceLimits& limits);
  Status ListArchive(const SourceLimits& limits);
  void RemoveCommonFolder();

  std::string path_;
  std::vector<std::string> files_;
  std::string common_folder_;  // in front of each of files_, with its slash
  int64_t num_links_ = 0;
  int64_t max_file_bytes_ = 0;
  std::shared_ptr<const MappedFile> mapping_;
  std::shared_ptr<const ZipArchive> archive_;
};

}  // namespace deixis
