// The report's arithmetic on cases worked out by hand.
import { describe, expect, it } from "vitest";
import { decodeFloats, nearestCentroid, nodeOf, parseReport, type StudyReport } from "../src/report/data";
import { bytes, change, score } from "../src/report/format";

const encode = (values: number[]) => Buffer.from(new Float32Array(values).buffer).toString("base64");

const sample = (): StudyReport => ({
  schema: 1,
  model: { path: "m.pth", architecture: "resnet18", bytes: 1000 },
  data: { folder: "d", calibration: null },
  metric: { kind: "top1", images: 10 },
  baseline: { score: 0.9 },
  layer: {
    name: "fc",
    nodes: 2,
    nodes_included: 2,
    weights_per_node: 3,
    source_bytes: 24,
    weights: encode([-1, 0.1, 1, 5, 5.5, 9]),
    node_names: [],
    cases: [
      {
        centroids: 2,
        bits_per_index: 1,
        bytes: 8,
        weight_mse: 0.1,
        score: 0.8,
        codebooks: encode([-1, 0.5, 5.25, 9]),
        pruned: { removed: [1, 0], sparsity: 0.5, weight_mse: 1, score: 0.1 },
      },
    ],
  },
  network: [],
});

describe("decodeFloats", () => {
  it("reads little-endian float32", () => expect([...decodeFloats("AACAPwAAAMA=")]).toEqual([1, -2]));
  it("refuses half a value", () => expect(() => decodeFloats("AACA")).toThrow("whole float32"));
});

describe("nearestCentroid", () => {
  const codebook = new Float32Array([-1, 0, 2]);
  it.each([
    [-5, 0],
    [-0.5, 0], // a tie goes to the lower index
    [0.9, 1],
    [1.1, 2],
  ])("%f -> %i", (value, index) => expect(nearestCentroid(codebook, value)).toBe(index));
});

describe("nodeOf", () => {
  it("takes the second node's weights, codebook and removed centroid", () => {
    const { layer } = sample();
    const view = nodeOf(layer, decodeFloats(layer.weights), layer.cases[0]!, 1);
    expect([...view.weights]).toEqual([5, 5.5, 9]);
    expect([...view.codebook]).toEqual([5.25, 9]);
    expect([...view.indices]).toEqual([0, 0, 1]);
    expect(view.removed).toBe(0);
  });
});

describe("parseReport", () => {
  it("takes a report", () => expect(parseReport(JSON.stringify(sample())).layer.name).toBe("fc"));
  it("refuses another schema", () =>
    expect(() => parseReport(JSON.stringify({ ...sample(), schema: 2 }))).toThrow("schema 1, found 2"));
  it("refuses weights that do not fit", () => {
    const report = sample();
    report.layer.weights_per_node = 4;
    expect(() => parseReport(JSON.stringify(report))).toThrow("do not fit 2 nodes");
  });
});

describe("format", () => {
  const top1 = { kind: "top1", images: 1 } as const;
  const pixels = { kind: "mean_error_px", images: 1 } as const;
  it("prints bytes", () => expect([bytes(999), bytes(2048), bytes(5_960_000)]).toEqual(["999 B", "2.0 kB", "5.96 MB"]));
  it("prints scores", () => expect([score(top1, 0.92), score(pixels, 6.789)]).toEqual(["92.00 %", "6.79 px"]));
  it("prints changes", () =>
    expect([change(top1, 0.9, 0.92), change(pixels, 7.5, 7), change(top1, 0.5, 0.5)]).toEqual(["−2.00", "+0.50", "±0.00"]));
});
