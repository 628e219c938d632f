// torch.save's zip layout, written: ROOT/data.pkl, ROOT/byteorder, ROOT/data/N, ROOT/version.

#include <algorithm>
#include <string>
#include <vector>

#include "format/printable.h"
#include "format/pth.h"
#include "format/zip.h"

namespace deixis {
namespace {

std::string_view StorageType(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return "DoubleStorage";
    case DType::kF32:
      return "FloatStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kI64:
      return "LongStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI16:
      return "ShortStorage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kBool:
      return "BoolStorage";
  }
  std::abort();
}

// A pickle of protocol 2, in those opcodes that torch.load(weights_only=True) takes.
class PickleText {
 public:
  PickleText() : text_("\x80\x02") {}

  void Opcodes(std::string_view opcodes) { text_ += opcodes; }
  void Global(std::string_view module, std::string_view name) {
    text_ += 'c';
    text_ += module;
    text_ += '\n';
    text_ += name;
    text_ += '\n';
  }
  void Text(std::string_view value) {
    text_ += 'X';
    LittleEndian(value.size(), 4);
    text_ += value;
  }
  void Integer(int64_t value) {
    if (value >= 0 && value < 256) {
      text_ += 'K';
      LittleEndian(static_cast<uint64_t>(value), 1);
    } else if (value >= 0 && value < 65536) {
      text_ += 'M';
      LittleEndian(static_cast<uint64_t>(value), 2);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      text_ += 'J';
      LittleEndian(static_cast<uint64_t>(value), 4);
    } else {
      text_ += "\x8A\x08";
      LittleEndian(static_cast<uint64_t>(value), 8);
    }
  }
  void Integers(const std::vector<int64_t>& values) {
    text_ += '(';
    for (const int64_t value : values) Integer(value);
    text_ += 't';
  }
  // OrderedDict(), empty.
  void OrderedDict() {
    Global("collections", "OrderedDict");
    text_ += ")R";
  }
  std::string Finish() { return std::move(text_ += '.'); }

 private:
  void LittleEndian(uint64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) text_ += static_cast<char>(value >> (8 * i));
  }
  std::string text_;
};

std::vector<int64_t> ContiguousStrides(const Shape& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= std::max<int64_t>(shape[axis], 1);
  }
  return strides;
}

void AppendTensor(const Tensor& tensor, size_t key, PickleText& pickle) {
  pickle.Global("torch._utils", "_rebuild_tensor_v2");
  pickle.Opcodes("((");
  pickle.Text("storage");
  pickle.Global("torch", StorageType(tensor.dtype()));
  pickle.Text(std::to_string(key));
  pickle.Text("cpu");
  pickle.Integer(tensor.num_elements());
  pickle.Opcodes("tQ");  // the tuple is a persistent id
  pickle.Integer(0);     // offset
  pickle.Integers(tensor.shape());
  pickle.Integers(ContiguousStrides(tensor.shape()));
  pickle.Opcodes("\x89");  // requires no gradient
  pickle.OrderedDict();    // no hooks
  pickle.Opcodes("tR");
}

Status CheckNoNameTwice(const TensorFile& file) {
  std::vector<std::string_view> names;
  for (const NamedTensor& named : file.tensors) names.push_back(named.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return Ok();
  return UsageError("two tensors are named " + Quoted(*twice), "rename one of them");
}

}  // namespace

Status WritePth(const std::string& path, const TensorFile& file) {
  DEIXIS_RETURN_IF_ERROR(CheckNoNameTwice(file));
  PickleText pickle;
  pickle.OrderedDict();
  pickle.Opcodes("(");
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    pickle.Text(file.tensors[i].name);
    AppendTensor(file.tensors[i].tensor, i, pickle);
  }
  pickle.Opcodes("u");
  const auto as_bytes = [](std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  };
  DEIXIS_ASSIGN(ZipWriter archive, ZipWriter::Create(path));
  DEIXIS_RETURN_IF_ERROR(archive.Add("archive/data.pkl", as_bytes(pickle.Finish())));
  DEIXIS_RETURN_IF_ERROR(archive.Add("archive/byteorder", as_bytes("little")));
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    DEIXIS_RETURN_IF_ERROR(
        archive.Add("archive/data/" + std::to_string(i), file.tensors[i].tensor.bytes()));
  }
  DEIXIS_RETURN_IF_ERROR(archive.Add("archive/version", as_bytes("3\n")));
  return archive.Finish();
}

}  // namespace deixis
