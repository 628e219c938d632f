#include "format/tensor_file.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "base/file.h"
#include "format/printable.h"
#include "format/pth.h"
#include "format/safetensors.h"

namespace deixis {
namespace {

constexpr std::string_view kNoModelRemedy =
    "give a .pth written by torch.save(model.state_dict(), ...) or a safetensors file";

bool StartsWithIgnoringCase(std::string_view text, std::string_view lower_case_prefix) {
  return text.size() >= lower_case_prefix.size() &&
         std::equal(
             lower_case_prefix.begin(), lower_case_prefix.end(), text.begin(),
             [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

std::string_view WithoutLeadingSpace(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
  const size_t start = text.find_first_not_of(" \t\r\n");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

// A safetensors file starts with the length of its header and the header's brace.
bool LooksLikeSafetensors(std::string_view head, uint64_t file_bytes) {
  if (head.size() < 9 || head[8] != '{') return false;
  uint64_t header_bytes = 0;
  for (int i = 7; i >= 0; --i) {
    header_bytes = header_bytes << 8 | static_cast<uint8_t>(head[static_cast<size_t>(i)]);
  }
  // Text whose ninth character is a brace claims an absurd length: its bytes are printable.
  return header_bytes <= file_bytes || header_bytes < uint64_t{1} << 40;
}

bool LooksLikePickle(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

// ModelProto: field 1 (ir_version, a small varint), then a string field or the graph.
bool LooksLikeOnnx(std::string_view head) {
  if (head.size() < 4 || head[0] != 0x08 || head[1] < 1 || head[1] > 32) return false;
  constexpr std::string_view kNextFields = "\x12\x1A\x22\x28\x32\x3A\x42";
  return kNextFields.find(head[2]) != std::string_view::npos;
}

struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view description;
};

constexpr Signature kSignatures[] = {
    {0, "\x1F\x8B", "a gzip archive (unpack it first)"},
    {0, "BZh", "a bzip2 archive (unpack it first)"},
    {0,
     std::string_view("\xFD"
                      "7zXZ\0",
                      6),
     "an xz archive (unpack it first)"},
    {0, "\x28\xB5\x2F\xFD", "a zstd archive (unpack it first)"},
    {0, "7z\xBC\xAF\x27\x1C", "a 7-zip archive (unpack it first)"},
    {0, "Rar!", "a rar archive (unpack it first)"},
    {257, "ustar", "a tar archive (unpack it first; PyTorch before 0.1.10 saved models so)"},
    {0, "\x89HDF", "an HDF5 file (Keras?)"},
    {0, "GGUF", "a GGUF file"},
    {4, "TFL3", "a TensorFlow Lite model"},
    {0, "\x93NUMPY", "a NumPy array"},
    {0,
     "\x7F"
     "ELF",
     "a program"},
    {0, "\x89PNG", "a PNG picture"},
    {0, "\xFF\xD8\xFF", "a JPEG picture"},
    {0, "GIF8", "a GIF picture"},
    {0, "%PDF", "a PDF document"},
};

std::string DescribeText(std::string_view head) {
  const std::string_view text = WithoutLeadingSpace(head);
  if (text.starts_with("version https://git-lfs")) {
    return "a Git LFS pointer, not the file itself (run: git lfs pull)";
  }
  if (StartsWithIgnoringCase(text, "<!doctype html") || StartsWithIgnoringCase(text, "<html") ||
      StartsWithIgnoringCase(text, "<head")) {
    return "an HTML page (a download that ended on a web page? download it again)";
  }
  if (text.starts_with("<?xml")) return "an XML document";
  if (text.starts_with("{") || text.starts_with("[")) return "JSON text";
  return "text, " + Quoted(text.substr(0, text.find_first_of("\r\n")), 40);
}

bool LooksLikeText(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte >= 0x20 ? byte != 0x7F : byte == '\t' || byte == '\r' || byte == '\n';
  });
}

std::string DescribeUnknown(std::string_view head) {
  for (const Signature& signature : kSignatures) {
    if (head.size() > signature.offset &&
        head.substr(signature.offset).starts_with(signature.bytes)) {
      return std::string(signature.description);
    }
  }
  if (LooksLikeOnnx(head)) return "an ONNX model";
  if (LooksLikeText(head)) return DescribeText(head);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "unknown bytes";
  for (const char c : head.substr(0, 8)) {
    text += ' ';
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

Result<TensorFile> ReadByContent(std::shared_ptr<const MappedFile> file) {
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.empty()) {
    return InvalidData("expected a model, found an empty file", std::string(kNoModelRemedy));
  }
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 512));
  if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06") || LooksLikePickle(head)) {
#ifdef DEIXIS_HAVE_PTH
    return ReadPth(std::move(file));
#else
    return InvalidData("a .pth file, which this build (runtime only) does not read",
                       "convert it elsewhere: deixis convert MODEL.pth --out MODEL.safetensors");
#endif
  }
  if (LooksLikeSafetensors(head, bytes.size())) return ReadSafetensors(std::move(file));
  return InvalidData("expected a model, found " + DescribeUnknown(head),
                     std::string(kNoModelRemedy));
}

}  // namespace

const Tensor* TensorFile::Find(std::string_view name) const {
  for (const NamedTensor& named : tensors) {
    if (named.name == name) return &named.tensor;
  }
  return nullptr;
}

const std::string* TensorFile::FindMetadata(std::string_view key) const {
  for (const auto& [name, value] : metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<TensorFile> ReadTensorFile(const std::string& path) {
  DEIXIS_ASSIGN(auto file, MappedFile::Open(path));
  auto result = ReadByContent(std::move(file));
  if (!result.ok()) return result.error().WithContext(path);
  return result;
}

}  // namespace deixis
