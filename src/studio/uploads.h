// Files that were sent and wait to be used: a model, an archive of pictures.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/result.h"

namespace deixis::studio {

// Safe from any thread. What is left over goes when the studio ends, or starts.
class Uploads {
 public:
  explicit Uploads(std::string folder);
  ~Uploads();

  // Takes the file at `path` over. `name` is what its sender calls it; its ending is kept.
  Result<std::string> Take(const std::string& path, const std::string& name);
  // Its path. kNotFound.
  Result<std::string> Find(const std::string& id) const;
  std::string NameOf(const std::string& id) const;
  bool Remove(const std::string& id);

 private:
  struct Upload {
    std::string path;
    std::string name;
  };
  std::string folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Upload> uploads_;
};

}  // namespace deixis::studio
