#include "format/digest.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "base/file.h"

namespace deixis {

std::string Sha256Hex(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // Fails only when the library has no SHA-256 or no memory for its context.
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

Result<std::string> Sha256OfFile(const std::string& path) {
  DEIXIS_ASSIGN(const auto file, MappedFile::Open(path));
  return Sha256Hex(file->bytes());
}

std::string Sha256Hex(const Tensor& tensor) { return Sha256Hex(tensor.bytes()); }

}  // namespace deixis
