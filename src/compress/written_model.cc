#include "compress/written_model.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "format/safetensors.h"

namespace deixis {

Result<WrittenModel> WriteAndReload(const std::string& path, const TensorFile& file) {
  DEIXIS_RETURN_IF_ERROR(WriteSafetensors(path, file));
  DEIXIS_ASSIGN(Model model, LoadModel(path));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) return ResourceError(path + ": written, but its size is unknown: " + error.message());
  return WrittenModel{.model = std::move(model), .file_bytes = static_cast<int64_t>(bytes)};
}

}  // namespace deixis
