// Training as it goes: one quantity by epoch, on what is learnt from and on what is held out.
import * as Plot from "@observablehq/plot";
import { useCallback } from "preact/hooks";
import { Figure } from "./figure";

export interface CurvePoint {
  epoch: number;
  train: number | null;
  held_out: number | null;
}

export interface CurveProps {
  label: string;
  points: CurvePoint[];
  // So that the axis does not grow with every epoch.
  epochs: number;
  valueLabel: string;
  epochLabel: string;
  percent: boolean;
}

export function CurvePlot({ label, points, epochs, valueLabel, epochLabel, percent }: CurveProps) {
  const options = useCallback(
    (): Plot.PlotOptions => {
      const train = points.filter((point) => point.train !== null);
      const held_out = points.filter((point) => point.held_out !== null);
      return {
        height: 230,
        marginLeft: 48,
        marginTop: 26,
        x: { label: epochLabel, domain: [Math.min(1, ...points.map((point) => point.epoch)), Math.max(2, epochs)], ticks: Math.min(10, Math.max(2, epochs)), tickFormat: "d" },
        y: { label: valueLabel, percent, grid: true, ticks: 5, ...(percent ? { domain: [0, 100] } : { zero: true }) },
        marks: [
          Plot.line(train, { x: "epoch", y: "train", stroke: "var(--series-1)", strokeWidth: 1.5, strokeDasharray: "4 3" }),
          Plot.dot(train, { x: "epoch", y: "train", r: 3, fill: "var(--plot-background)", stroke: "var(--series-1)" }),
          Plot.line(held_out, { x: "epoch", y: "held_out", stroke: "var(--series-2)", strokeWidth: 2.25 }),
          Plot.dot(held_out, { x: "epoch", y: "held_out", r: 3.5, fill: "var(--series-2)" }),
        ],
      };
    },
    [points, epochs, valueLabel, epochLabel, percent],
  );
  return <Figure label={label} options={options} />;
}
