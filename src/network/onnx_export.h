// A model as an ONNX file, in fp32 or in int8 (QDQ), for engines that know nothing of Deixis.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/onnx_writer.h"
#include "network/model.h"

namespace deixis {

enum class OnnxPrecision {
  kAsModel,  // int8 when the model has activation scales, else fp32
  kFp32,
  kInt8,
};

struct OnnxExportOptions {
  int64_t batch = 0;  // 0: any, the dimension "batch"
  OnnxPrecision precision = OnnxPrecision::kAsModel;
};

// Whether ModelToOnnx writes int8.
bool WritesInt8(const Model& model, const OnnxExportOptions& options = {});

// The whole graph in opset 13: batch norms folded into the convolutions, palettized weights
// dequantized.
//
// In int8 every value is uint8 with one scale and zero point (the model's; that of the normalised
// picture follows from the preprocessing, that of a summand from its sum, see
// onnx_export_quantized.h), weights are int8 with a scale per output channel, biases int32;
// operations are those of fp32 between QuantizeLinear and DequantizeLinear. The head's answer is
// not rounded.
//
// Input "input", f32 [batch, 3, height_px, width_px]: normalised as the model's Preprocessing says.
// Output "logits" (classify) or "points" (locate), f32 [batch, num_outputs]. The file's
// metadata_props hold the model's own metadata and, under "deixis.input", what the input is.
// kInvalidData when a folded weight leaves float's range, or when int8 is asked for and the model
// lacks an activation scale.
Result<OnnxModel> ModelToOnnx(const Model& model, const OnnxExportOptions& options = {});

// ModelToOnnx, written atomically.
Status ExportOnnx(const std::string& path, const Model& model,
                  const OnnxExportOptions& options = {});

}  // namespace deixis
