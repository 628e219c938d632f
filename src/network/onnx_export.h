// A model as an ONNX file (fp32), for engines that know nothing of Deixis.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/onnx_writer.h"
#include "network/model.h"

namespace deixis {

struct OnnxExportOptions {
  int64_t batch = 0;  // 0: any, the dimension "batch"
};

// The whole graph in opset 13: batch norms folded into the convolutions, palettized weights
// dequantized.
//
// Input "input", f32 [batch, 3, height_px, width_px]: normalised as the model's Preprocessing says.
// Output "logits" (classify) or "points" (locate), f32 [batch, num_outputs]. The file's
// metadata_props hold the model's own metadata and, under "deixis.input", what the input is.
// kInvalidData when a folded weight leaves float's range.
Result<OnnxModel> ModelToOnnx(const Model& model, const OnnxExportOptions& options = {});

// ModelToOnnx, written atomically.
Status ExportOnnx(const std::string& path, const Model& model,
                  const OnnxExportOptions& options = {});

}  // namespace deixis
