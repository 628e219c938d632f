// A network cut into pieces that are calibrated one after the other.
//
// A segment is one convolution (or the head) with the cheap nodes behind it, up to the next value
// that must be kept: the input of another layer, of a shortcut or of the global average pool. So a
// segment makes at most one value that the u8 runtime scales anew, its output (max pooling keeps
// its input's scale). Only such values are held for all
// calibration pictures; what lies inside a segment exists for one picture at a time. Segments come
// in an order in which a residual sum is finished by the layer on its main path, when the shortcut
// is already known, so that this layer can be fitted to make up for the shortcut's error too.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv2d_f32/conv2d_f32.h"
#include "network/graph.h"

namespace deixis {

struct Segment {
  int layer = -1;         // node of a kConv2d or kLinear; -1 for a segment of cheap nodes only
  int input = 0;          // value
  std::vector<int> tail;  // nodes behind the layer, in order; kBatchNorm is the identity (folded)
  int output = 0;         // value that is kept
};

std::vector<Segment> PlanSegments(const Graph& graph);

struct ValueExtents {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t num_elements() const { return height * width * channels; }
};

// Extents of every value of the graph, value 0 being height x width x 3.
std::vector<ValueExtents> ExtentsOfValues(const Graph& graph, int64_t height, int64_t width);

// What the convolution kernel calls a layer that reads a value of such extents; a linear one is a
// convolution with a filter as large as its input.
Conv2dShape LayerShapeOf(const Node& layer, const ValueExtents& input);

// For each segment the values, of those that are kept, that no later segment reads.
std::vector<std::vector<int>> LastUses(const Graph& graph, const std::vector<Segment>& segments);

// The most float32 bytes of kept values alive at a time, per picture, for one network.
int64_t PeakBytesPerPicture(const Graph& graph, const std::vector<Segment>& segments,
                            const std::vector<ValueExtents>& extents);

}  // namespace deixis
