// What `deixis study` writes into the page, and how it is read back. The C++ side is
// src/compress/study_report.cc; the same object is study.json beside the page.

export interface Metric {
  kind: "top1" | "mean_error_px";
  images: number;
}

export interface Score {
  // top1: share of pictures named right, 0..1. mean_error_px: mean distance in pixels.
  score: number;
}

export interface PrunedCase extends Score {
  // Per included node: which centroid was set to zero.
  removed: number[];
  sparsity: number;
  weight_mse: number;
}

export interface CentroidCase extends Score {
  centroids: number;
  bits_per_index: number;
  bytes: number;
  weight_mse: number;
  // Base64 of little-endian float32, [nodes_included, centroids], ascending within a node.
  codebooks: string;
  pruned: PrunedCase;
}

export interface LayerStudy {
  name: string;
  nodes: number;
  nodes_included: number;
  weights_per_node: number;
  source_bytes: number;
  // Base64 of little-endian float32, [nodes_included, weights_per_node].
  weights: string;
  node_names: string[];
  cases: CentroidCase[];
}

export type Granularity = "row" | "group" | "tensor";

export interface NetworkPoint extends Score {
  granularity: Granularity;
  centroids: number;
  calibrated: boolean;
  bytes: number;
  ratio: number;
}

export interface StudyReport {
  schema: 1;
  model: { path: string; architecture: string; bytes: number };
  data: { folder: string; calibration: string | null };
  metric: Metric;
  baseline: Score;
  layer: LayerStudy;
  network: NetworkPoint[];
}

export function decodeFloats(base64: string): Float32Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  if (bytes.length % 4 !== 0) throw new Error("expected whole float32 values");
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

// The index of the centroid nearest to `value`; of two equally near the lower one. `codebook` ascends.
export function nearestCentroid(codebook: Float32Array, value: number): number {
  let best = 0;
  for (let k = 1; k < codebook.length; ++k) {
    if (Math.abs(codebook[k]! - value) < Math.abs(codebook[best]! - value)) best = k;
  }
  return best;
}

export interface NodeView {
  weights: Float32Array;
  codebook: Float32Array;
  indices: Uint8Array;
  removed: number;
}

// One node of one case, ready to draw.
export function nodeOf(layer: LayerStudy, weights: Float32Array, which: CentroidCase, node: number): NodeView {
  const length = layer.weights_per_node;
  const row = weights.subarray(node * length, (node + 1) * length);
  const codebooks = decodeFloats(which.codebooks);
  const codebook = codebooks.subarray(node * which.centroids, (node + 1) * which.centroids);
  const indices = Uint8Array.from(row, (value) => nearestCentroid(codebook, value));
  return { weights: row, codebook, indices, removed: which.pruned.removed[node] ?? 0 };
}

export function parseReport(text: string): StudyReport {
  const report = JSON.parse(text) as StudyReport;
  if (report.schema !== 1) throw new Error(`expected schema 1, found ${String(report.schema)}`);
  const floats = (base64: string) => Math.floor((base64.replace(/=+$/, "").length * 3) / 16);
  const { layer } = report;
  if (floats(layer.weights) !== layer.nodes_included * layer.weights_per_node) {
    throw new Error(`layer ${layer.name}: the weights do not fit ${layer.nodes_included} nodes`);
  }
  for (const each of layer.cases) {
    if (floats(each.codebooks) !== layer.nodes_included * each.centroids) {
      throw new Error(`K=${each.centroids}: the codebooks do not fit ${layer.nodes_included} nodes`);
    }
  }
  return report;
}
