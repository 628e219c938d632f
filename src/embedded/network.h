// A network laid out ahead of time, for chips without a file system, a heap or threads: `deixis
// convert --embed` writes it as a C file of constants, and DeixisRun is all that has to be called.
// Plain C, so that the file it writes compiles with any compiler.
//
// What has to be linked is the library `embedded` (or `embedded_small`, compiled without
// exceptions, RTTI and threads). RAM: DeixisNetwork::arena_bytes, which the caller provides, some
// kilobytes of stack, the picture and the answer. The weights are constants and are used where they
// lie.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The arena and the weights start at a multiple of this many bytes.
#define DEIXIS_ALIGNMENT 64

// A picture of u8 values between two steps, NHWC with a border that is really in memory.
typedef struct {
  int32_t height;
  int32_t width;
  int32_t channels;
  int32_t border;      // pixels on each side
  int32_t offset;      // of the border's first byte, from the start of the arena
  uint8_t zero_point;  // what the border holds
} DeixisValue;

typedef enum {
  kDeixisPicture,  // the caller's bytes into value `output`
  kDeixisConv2d,   // a linear layer is a 1x1 convolution of one pixel; the last layer's sums are
                   // float
  kDeixisMaxPool,
  kDeixisGlobalAveragePool,
  kDeixisSubsamplePad,
  kDeixisSoftArgmax,  // of the last layer's floats
} DeixisStepKind;

typedef struct {
  DeixisStepKind kind;
  int32_t input;     // values, by index
  int32_t residual;  // -1 for none
  int32_t output;
  int32_t filter_size;  // 0: as large as the input, a linear layer
  int32_t stride;
  int32_t padding;
  // kDeixisConv2d: what src/kernels/conv2d_u8/conv2d_u8.h calls panels, tables, scale and bias, in
  // bytes from the start of the weights, each at a multiple of DEIXIS_ALIGNMENT.
  int32_t is_indices;  // 4-bit indices with tables; else int8 weights
  uint32_t panels;
  uint32_t panel_bytes;
  uint32_t tables;
  uint32_t scale;
  uint32_t bias;
  int32_t scratch;  // of the arena: memory for one decoded panel, free during this step
  float residual_scale;
  // kDeixisGlobalAveragePool: y = sum * factor + offset.
  float factor;
  float offset;
} DeixisStep;

typedef struct {
  int32_t height_px;  // of the picture
  int32_t width_px;
  int32_t num_outputs;
  uint8_t picture_border[3];  // the mean colour
  int32_t num_steps;
  const DeixisStep* steps;
  const DeixisValue* values;
  const uint8_t* weights;
  int64_t arena_bytes;
} DeixisNetwork;

// The network's answer (num_outputs floats: logits, or places in -1..1) to one picture, u8
// [height_px, width_px, 3] in RGB. `arena` is arena_bytes of memory at a multiple of
// DEIXIS_ALIGNMENT that need not keep anything between calls. The same bits as the Executor gives,
// whatever the processor. Cannot fail, does not allocate; one call at a time per arena.
void DeixisRun(const DeixisNetwork* network, void* arena, const uint8_t* pixels, float* answer);

#ifdef __cplusplus
}
#endif
