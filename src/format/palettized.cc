#include "format/palettized.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "base/checked.h"

namespace deixis {
namespace {

Error PalettizedError(const std::string& name, const std::string& what, std::string remedy = {}) {
  return InvalidData("tensor \"" + name + "\": " + what, std::move(remedy));
}

// Unpacks one row. Reads exactly ceil(num * bits / 8) bytes.
void UnpackRow(const uint8_t* packed, int64_t num, int bits, uint8_t* indices) {
  const uint32_t mask = (1u << bits) - 1;
  uint32_t buffer = 0;
  int buffered_bits = 0;
  for (int64_t i = 0; i < num; ++i) {
    if (buffered_bits < bits) {
      buffer |= static_cast<uint32_t>(*packed++) << buffered_bits;
      buffered_bits += 8;
    }
    indices[i] = static_cast<uint8_t>(buffer & mask);
    buffer >>= bits;
    buffered_bits -= bits;
  }
}

Status CheckParameters(const PalettizedTensor& tensor, const std::string& name) {
  const size_t rank = tensor.shape.size();
  if ((rank != 2 && rank != 4) ||
      std::any_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t e) { return e < 1; })) {
    return PalettizedError(
        name, "expected a shape of 2 or 4 extents of at least 1, found " + ToString(tensor.shape));
  }
  if (tensor.num_centroids < 2 || tensor.num_centroids > kMaxCentroids) {
    return PalettizedError(name, "expected 2 to " + std::to_string(kMaxCentroids) +
                                     " centroids, found " + std::to_string(tensor.num_centroids));
  }
  if (tensor.group_rows < 1 || tensor.group_rows > tensor.num_rows()) {
    return PalettizedError(name, "expected 1 to " + std::to_string(tensor.num_rows()) +
                                     " rows per codebook, found " +
                                     std::to_string(tensor.group_rows));
  }
  // All sizes below follow from this one without overflow: bits are at most 8, plus a byte per row.
  const auto elements = NumElements(tensor.shape);
  if (!elements || !CheckedMul<int64_t>(*elements, 16)) {
    return PalettizedError(
        name, "expected a size that 59 bits can hold, found shape " + ToString(tensor.shape));
  }
  return Ok();
}

// Whether a tensor can be in panels: their size then follows without overflow, for padding takes at
// most 16 times 4 times what the indices take.
Status CheckPanels(const PalettizedTensor& tensor, const std::string& name) {
  if (tensor.bits_per_index() != 4) {
    return PalettizedError(name, "expected 9 to 16 centroids for indices in panels, found " +
                                     std::to_string(tensor.num_centroids));
  }
  const auto elements = NumElements(tensor.shape);
  if (elements && CheckedMul<int64_t>(*elements, 256)) return Ok();
  return PalettizedError(
      name, "expected a size that 55 bits can hold, found shape " + ToString(tensor.shape));
}

Status CheckShape(const Tensor& part, const Shape& expected, const std::string& name,
                  const char* part_name) {
  if (part.shape() == expected) return Ok();
  return PalettizedError(name, std::string("expected ") + part_name + " of shape " +
                                   ToString(expected) + ", found " + ToString(part.shape()));
}

Status CheckDType(bool right, const Tensor& part, const std::string& name, const char* part_name,
                  const char* expected) {
  if (right) return Ok();
  return PalettizedError(name, std::string("expected ") + part_name + " as " + expected +
                                   ", found " + std::string(SafetensorsName(part.dtype())));
}

Status CheckFinite(const Tensor& part, const std::string& name, const char* part_name) {
  if (!IsFloat(part.dtype())) return Ok();
  const std::vector<float> values = part.ToFloats();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return PalettizedError(name, std::string("expected finite numbers, found ") +
                                       std::to_string(values[i]) + " at " + part_name + " " +
                                       std::to_string(i));
    }
  }
  return Ok();
}

// The greatest of the 4-bit indices of `panels`, padding included.
int GreatestIndex(std::span<const uint8_t> panels) {
  uint8_t low = 0;
  uint8_t high = 0;
  for (const uint8_t pair : panels) {
    low = std::max<uint8_t>(low, pair & 0x0F);
    high = std::max<uint8_t>(high, pair >> 4);
  }
  return std::max(low, high);
}

Status CheckIndices(const PalettizedTensor& tensor, const std::string& name) {
  if (tensor.layout == IndexLayout::kPanels) {
    if (tensor.num_centroids == 16) return Ok();  // every pattern is an index
    const int greatest = GreatestIndex(tensor.indices.As<uint8_t>());
    if (greatest < tensor.num_centroids) return Ok();
    return PalettizedError(name, "index " + std::to_string(greatest) + " exceeds codebook size " +
                                     std::to_string(tensor.num_centroids));
  }
  const int bits = tensor.bits_per_index();
  const int64_t length = tensor.row_length();
  const int64_t row_bytes = tensor.row_bytes();
  const auto packed = tensor.indices.bytes();
  const auto* bytes = reinterpret_cast<const uint8_t*>(packed.data());
  const int used_bits_of_last = static_cast<int>((length * bits - 1) % 8) + 1;
  // Every pattern of `bits` bits is an index when K is a power of two.
  const bool any_index_fits = tensor.num_centroids == 1 << bits;
  std::vector<uint8_t> row(any_index_fits ? 0 : static_cast<size_t>(length));
  for (int64_t r = 0; r < tensor.num_rows(); ++r) {
    const uint8_t* begin = bytes + r * row_bytes;
    if (begin[row_bytes - 1] >> used_bits_of_last != 0) {
      return PalettizedError(name, "expected 0 in the bits after the last index of row " +
                                       std::to_string(r) + ", found others");
    }
    if (any_index_fits) continue;
    UnpackRow(begin, length, bits, row.data());
    const uint8_t greatest = *std::max_element(row.begin(), row.end());
    if (greatest >= tensor.num_centroids) {
      return PalettizedError(name, "index " + std::to_string(greatest) + " of row " +
                                       std::to_string(r) + " exceeds codebook size " +
                                       std::to_string(tensor.num_centroids));
    }
  }
  return Ok();
}

}  // namespace

int64_t PalettizedTensor::row_length() const {
  int64_t length = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) length *= shape[axis];
  return length;
}

int PalettizedTensor::bits_per_index() const { return BitsPerIndex(num_centroids); }

int64_t PalettizedTensor::num_bytes() const {
  return indices.num_bytes() + codebook.num_bytes() + scale.num_bytes();
}

WeightPanels PalettizedTensor::panels() const {
  const bool is_filter = shape.size() == 4;
  return {.out_channels = shape.at(0),
          .in_channels = shape.at(1),
          .filter_height = is_filter ? shape[2] : 1,
          .filter_width = is_filter ? shape[3] : 1};
}

int BitsPerIndex(int num_centroids) {
  if (num_centroids <= 2) return 1;
  return std::bit_width(static_cast<unsigned>(num_centroids - 1));
}

std::vector<uint8_t> PackIndices(std::span<const uint8_t> indices, int64_t row_length, int bits) {
  if (row_length == 0) return {};
  if (bits < 1 || bits > 8 || indices.size() % static_cast<size_t>(row_length) != 0) std::abort();
  const int64_t num_rows = static_cast<int64_t>(indices.size()) / row_length;
  const int64_t row_bytes = (row_length * bits + 7) / 8;
  std::vector<uint8_t> packed(static_cast<size_t>(num_rows * row_bytes));
  for (int64_t r = 0; r < num_rows; ++r) {
    const uint8_t* source = indices.data() + r * row_length;
    uint8_t* target = packed.data() + r * row_bytes;
    uint32_t buffer = 0;
    int buffered_bits = 0;
    for (int64_t i = 0; i < row_length; ++i) {
      buffer |= static_cast<uint32_t>(source[i]) << buffered_bits;
      buffered_bits += bits;
      if (buffered_bits >= 8) {
        *target++ = static_cast<uint8_t>(buffer);
        buffer >>= 8;
        buffered_bits -= 8;
      }
    }
    if (buffered_bits > 0) *target = static_cast<uint8_t>(buffer);
  }
  return packed;
}

std::vector<uint8_t> UnpackIndices(std::span<const uint8_t> packed, int64_t num_rows,
                                   int64_t row_length, int bits) {
  const int64_t row_bytes = (row_length * bits + 7) / 8;
  if (bits < 1 || bits > 8 || static_cast<int64_t>(packed.size()) != num_rows * row_bytes) {
    std::abort();
  }
  std::vector<uint8_t> indices(static_cast<size_t>(num_rows * row_length));
  for (int64_t r = 0; r < num_rows; ++r) {
    UnpackRow(packed.data() + r * row_bytes, row_length, bits, indices.data() + r * row_length);
  }
  return indices;
}

bool RunsOnIndices(const PalettizedTensor& tensor) {
  return tensor.codebook.dtype() == DType::kI8 && tensor.num_centroids <= kCodebookSize &&
         (tensor.group_rows % kCodebookChannels == 0 || tensor.num_groups() == 1);
}

std::vector<uint8_t> UnpackIndices(const PalettizedTensor& tensor) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor.indices.bytes().data());
  const std::span packed(bytes, tensor.indices.bytes().size());
  if (tensor.layout == IndexLayout::kRows) {
    return UnpackIndices(packed, tensor.num_rows(), tensor.row_length(), tensor.bits_per_index());
  }
  std::vector<uint8_t> indices(static_cast<size_t>(tensor.num_rows() * tensor.row_length()));
  const WeightPanels panels = tensor.panels();
  panels.ForEachWeight([&](int64_t at, const WeightPanels::Place& place) {
    const auto [byte, shift] = panels.PlaceOfIndex(place);
    indices[at] = (packed[byte] >> shift) & 0x0F;
  });
  return indices;
}

PalettizedTensor ToPanels(const PalettizedTensor& tensor) {
  if (tensor.layout != IndexLayout::kRows || tensor.bits_per_index() != 4) std::abort();
  const std::vector<uint8_t> indices = UnpackIndices(tensor);
  const WeightPanels panels = tensor.panels();
  std::vector<uint8_t> packed(static_cast<size_t>(panels.index_bytes()));
  panels.ForEachWeight([&](int64_t at, const WeightPanels::Place& place) {
    const auto [byte, shift] = panels.PlaceOfIndex(place);
    packed[byte] |= static_cast<uint8_t>(indices[at] << shift);
  });
  PalettizedTensor result = tensor;
  result.layout = IndexLayout::kPanels;
  result.indices = Tensor::FromVector({panels.index_bytes()}, std::move(packed));
  return result;
}

Status Validate(const PalettizedTensor& tensor, const std::string& name) {
  DEIXIS_RETURN_IF_ERROR(CheckParameters(tensor, name));
  const Tensor& indices = tensor.indices;
  const Tensor& codebook = tensor.codebook;
  const Tensor& scale = tensor.scale;
  DEIXIS_RETURN_IF_ERROR(CheckDType(indices.dtype() == DType::kU8, indices, name, "indices", "U8"));
  int64_t index_bytes = tensor.num_rows() * tensor.row_bytes();
  if (tensor.layout == IndexLayout::kPanels) {
    DEIXIS_RETURN_IF_ERROR(CheckPanels(tensor, name));
    index_bytes = tensor.panels().index_bytes();
  }
  DEIXIS_RETURN_IF_ERROR(CheckShape(indices, {index_bytes}, name, "indices"));
  const bool codebook_dtype_right = codebook.dtype() == DType::kI8 ||
                                    codebook.dtype() == DType::kF16 ||
                                    codebook.dtype() == DType::kF32;
  DEIXIS_RETURN_IF_ERROR(
      CheckDType(codebook_dtype_right, codebook, name, "codebook", "I8, F16 or F32"));
  DEIXIS_RETURN_IF_ERROR(
      CheckShape(codebook, {tensor.num_groups(), tensor.num_centroids}, name, "codebook"));
  DEIXIS_RETURN_IF_ERROR(CheckDType(scale.dtype() == DType::kF32, scale, name, "scale", "F32"));
  DEIXIS_RETURN_IF_ERROR(CheckShape(scale, {tensor.num_rows()}, name, "scale"));
  DEIXIS_RETURN_IF_ERROR(CheckFinite(codebook, name, "codebook"));
  DEIXIS_RETURN_IF_ERROR(CheckFinite(scale, name, "scale"));
  return CheckIndices(tensor, name);
}

std::vector<float> Dequantize(const PalettizedTensor& tensor) {
  const int64_t length = tensor.row_length();
  const int64_t rows = tensor.num_rows();
  const std::vector<float> codebook = tensor.codebook.ToFloats();
  const std::vector<float> scale = tensor.scale.ToFloats();
  std::vector<float> weights;
  weights.reserve(static_cast<size_t>(rows * length));
  const auto append = [&](int64_t r, std::span<const uint8_t> row) {
    const float* const centroids = codebook.data() + r / tensor.group_rows * tensor.num_centroids;
    for (uint8_t index : row) weights.push_back(scale[static_cast<size_t>(r)] * centroids[index]);
  };
  if (tensor.layout == IndexLayout::kPanels) {
    const std::vector<uint8_t> indices = UnpackIndices(tensor);
    for (int64_t r = 0; r < rows; ++r) append(r, std::span(indices).subspan(r * length, length));
    return weights;
  }
  // A row at a time, so that little more than the weights is held.
  const auto* packed = reinterpret_cast<const uint8_t*>(tensor.indices.bytes().data());
  std::vector<uint8_t> row(static_cast<size_t>(length));
  for (int64_t r = 0; r < rows; ++r) {
    UnpackRow(packed + r * tensor.row_bytes(), length, tensor.bits_per_index(), row.data());
    append(r, row);
  }
  return weights;
}

}  // namespace deixis
