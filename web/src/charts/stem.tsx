// The study's own plot: one stem per weight of a node, and a line for every centroid.
import * as Plot from "@observablehq/plot";
import { useCallback } from "preact/hooks";
import { Figure } from "./figure";

export interface StemPlotProps {
  label: string;
  values: Float32Array;
  codebook: Float32Array;
  // The centroid that was set to zero, drawn apart.
  removed?: number;
  // The same for the plots that are compared.
  domain: [number, number];
}

export function StemPlot({ label, values, codebook, removed, domain }: StemPlotProps) {
  const options = useCallback(
    (width: number): Plot.PlotOptions => {
      const stems = Array.from(values, (value, index) => ({ index, value }));
      const lines = Array.from(codebook, (value, k) => ({ value: k === removed ? 0 : value, k }));
      const crowded = values.length > width / 2;
      return {
        height: 240,
        marginLeft: 52,
        x: { label: "weight", domain: [-1, values.length], ticks: Math.min(8, values.length) },
        y: { label: null, domain, grid: false, ticks: 5 },
        marks: [
          Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.35 }),
          Plot.ruleY(lines, {
            y: "value",
            stroke: (line: { k: number }) =>
              line.k === removed ? "var(--removed)" : "var(--centroid)",
            strokeDasharray: "4 3",
            strokeWidth: codebook.length > 16 ? 0.75 : 1.25,
          }),
          Plot.ruleX(stems, {
            x: "index",
            y1: 0,
            y2: "value",
            stroke: "var(--weight)",
            strokeOpacity: crowded ? 0.5 : 0.8,
            strokeWidth: crowded ? 0.6 : 1,
          }),
          Plot.dot(stems, { x: "index", y: "value", r: crowded ? 1 : 2, fill: "var(--weight)" }),
        ],
      };
    },
    [values, codebook, removed, domain],
  );
  return <Figure label={label} options={options} />;
}
