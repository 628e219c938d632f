// PyTorch's .pth files, both ways, without PyTorch and without executing anything in them: a pickle
// is read as data, only the constructors of tensors are interpreted, everything else it names
// becomes an inert placeholder.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "format/tensor_file.h"

namespace deixis {

// Both layouts. Bounded memory and time, whatever the file claims.
Result<TensorFile> ReadPth(std::shared_ptr<const MappedFile> file);

// The zip layout of torch.save, an OrderedDict of contiguous tensors that torch.load opens with
// weights_only. Metadata and values are not written: a .pth has no place for them.
Status WritePth(const std::string& path, const TensorFile& file);

}  // namespace deixis
