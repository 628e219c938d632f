// What compression costs: the score against the bytes, one line per granularity.
import * as Plot from "@observablehq/plot";
import { useCallback, useMemo } from "preact/hooks";
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
  // One name for each K, at its best point: names at every point would cover one another.
  const named = useMemo(() => {
    const best = new Map<string, TradeOffPoint>();
    for (const point of points) {
      const rival = best.get(point.name);
      if (!rival || (percent ? point.score > rival.score : point.score < rival.score)) best.set(point.name, point);
    }
    return [...best.values()];
  }, [points, percent]);
  const options = useCallback(
    (): Plot.PlotOptions => ({
      height: 340,
      marginLeft: 52,
      marginRight: 40,
      x: { label: "bytes on disk →", tickFormat: "~s", ticks: 6, inset: 18 },
      y: { label: `↑ ${scoreLabel}`, percent, grid: true, zero: percent },
      color: { ...colours, legend: false },
      marks: [
        Plot.ruleY([baseline], { stroke: "currentColor", strokeDasharray: "2 3" }),
        Plot.line(points, { x: "bytes", y: "score", stroke: "series", strokeWidth: 1.5, sort: "bytes" }),
        Plot.dot(points, { x: "bytes", y: "score", fill: "series", symbol: "series", r: 4.5, tip: true, title: (point: TradeOffPoint) => `${point.series}, ${point.name}` }),
        Plot.text(named, { x: "bytes", y: "score", text: "name", dy: -11, fontSize: 11, fill: "currentColor" }),
      ],
    }),
    [points, named, baseline, scoreLabel, percent, colours],
  );
  return <Figure label={label} options={options} />;
}
