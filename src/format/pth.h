// PyTorch's .pth files, both ways, without PyTorch and without executing anything in them: a pickle
// is read as data, only the constructors of tensors are interpreted, everything else it names
// becomes an inert placeholder.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/file.h"
#include "format/tensor_file.h"

namespace deixis {

// Both layouts: the zip archive that torch.save writes since PyTorch 1.6, and the stream of pickles
// and storages before. Contiguous tensors view the file, others are copied; a file that is one bare
// tensor names it "tensor". What a placeholder would have held (the state of a pickled module) is
// read as plain data. kInvalidData for everything that is no checkpoint, is damaged, or has a
// tensor that depends on something not interpreted. Memory and time are bounded by the size of the
// file and by fixed limits, whatever it claims.
Result<TensorFile> ReadPth(std::shared_ptr<const MappedFile> file);
// The same from bytes in memory, which `owner` keeps alive as long as a tensor views them.
Result<TensorFile> ReadPth(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

// The zip layout of torch.save, an OrderedDict of contiguous tensors that torch.load opens with
// weights_only. Metadata and values are not written: a .pth has no place for them.
Status WritePth(const std::string& path, const TensorFile& file);

}  // namespace deixis
