#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"

namespace deixis {
namespace {

Error WriteError(const std::string& path, int error_number) {
  const std::string message = path + ": cannot write: " + std::strerror(error_number);
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return NotFound(message, "create the folder first, or choose another path");
  }
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return ResourceError(message, "free some space on that disk; the file was left as it was");
  }
  return ResourceError(message, "choose a path that you may write to");
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return NotFound(path + ": no such file", "check the path");
    }
    return InvalidData(path + ": cannot open: " + std::strerror(errno));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return InvalidData(path + ": cannot read its size: " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return InvalidData(path + ": expected a file, found " +
                       (S_ISDIR(status.st_mode) ? "a folder" : "something that is not a file"));
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile({}));
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    return ResourceError(path + ": cannot map " + std::to_string(size) +
                         " bytes: " + std::strerror(errno));
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile({static_cast<const std::byte*>(address), size}));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

AtomicFile::AtomicFile(int descriptor, std::string path, std::string temporary_path)
    : descriptor_(descriptor), path_(std::move(path)), temporary_path_(std::move(temporary_path)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_path_.c_str());
}

Result<AtomicFile> AtomicFile::Create(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return UsageError(path + ": expected a file to write, found a folder",
                      "name a file inside the folder");
  }
  std::string temporary_path = path + ".tmp-" + std::to_string(::getpid());
  const int descriptor =
      ::open(temporary_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return WriteError(path, errno);
  return AtomicFile(descriptor, path, std::move(temporary_path));
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return WriteError(path_, errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok();
}

Status AtomicFile::Write(std::string_view text) {
  return Write(std::as_bytes(std::span(text.data(), text.size())));
}

Status AtomicFile::Commit() {
  if (::fsync(descriptor_) != 0) return WriteError(path_, errno);
  DEIXIS_RETURN_IF_ERROR(CommitUnsynced());
  // The rename itself must survive a power cut; a folder that cannot be synced is not an error.
  const Descriptor folder(::open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
  return Ok();
}

Status AtomicFile::CommitUnsynced() {
  if (::close(std::exchange(descriptor_, -1)) != 0 ||
      ::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(temporary_path_.c_str());
    return WriteError(path_, error_number);
  }
  return Ok();
}

Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  DEIXIS_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  DEIXIS_RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit();
}

Status WriteFileAtomically(const std::string& path, std::string_view text) {
  return WriteFileAtomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

Result<std::string> ReadTextFile(const std::string& path, int64_t max_bytes) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  const auto bytes = file->bytes();
  if (static_cast<int64_t>(bytes.size()) > max_bytes) {
    return InvalidData(path + ": expected at most " + std::to_string(max_bytes) + " bytes, found " +
                       std::to_string(bytes.size()));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace deixis
