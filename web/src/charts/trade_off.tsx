// What compression costs: the score against the bytes, one line per granularity.
import * as Plot from "@observablehq/plot";
import { useCallback } from "preact/hooks";
import { Figure } from "./figure";

export interface TradeOffPoint {
  series: string;
  name: string;
  bytes: number;
  score: number;
}

export interface TradeOffProps {
  label: string;
  points: TradeOffPoint[];
  baseline: number;
  scoreLabel: string;
  percent: boolean;
  colours: { domain: string[]; range: string[] };
}

export function TradeOffPlot({ label, points, baseline, scoreLabel, percent, colours }: TradeOffProps) {
  const options = useCallback(
    (): Plot.PlotOptions => ({
      height: 340,
      marginLeft: 52,
      marginRight: 40,
      x: { label: "bytes on disk →", type: "log", tickFormat: "~s", ticks: 6 },
      y: { label: `↑ ${scoreLabel}`, percent, grid: true, zero: percent },
      color: { ...colours, legend: false },
      marks: [
        Plot.ruleY([baseline], { stroke: "currentColor", strokeDasharray: "2 3" }),
        Plot.line(points, { x: "bytes", y: "score", stroke: "series", strokeWidth: 1.5, sort: "bytes" }),
        Plot.dot(points, { x: "bytes", y: "score", fill: "series", symbol: "series", r: 4.5, tip: true, title: (point: TradeOffPoint) => `${point.series}, ${point.name}` }),
        Plot.text(points, { x: "bytes", y: "score", text: "name", dy: -11, fontSize: 11, fill: "currentColor" }),
      ],
    }),
    [points, baseline, scoreLabel, percent, colours],
  );
  return <Figure label={label} options={options} />;
}
