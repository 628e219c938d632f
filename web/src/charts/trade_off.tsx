// What compression costs: the score against the bytes, or against the time a picture takes.
import * as Plot from "@observablehq/plot";
import { useCallback, useMemo } from "preact/hooks";
import { Figure } from "./figure";

export interface TradeOffPoint {
  series: string;
  name: string;
  // Bytes on disk, or milliseconds.
  cost: number;
  score: number;
}

export interface TradeOffProps {
  label: string;
  points: TradeOffPoint[];
  baseline: number;
  scoreLabel: string;
  costLabel: string;
  percent: boolean;
  colours: { domain: string[]; range: string[] };
}

export function TradeOffPlot({ label, points, baseline, scoreLabel, costLabel, percent, colours }: TradeOffProps) {
  // One name for each K, at its best point: names at every point would cover one another.
  const named = useMemo(() => {
    const best = new Map<string, TradeOffPoint>();
    for (const point of points) {
      const rival = best.get(point.name);
      if (!rival || (percent ? point.score > rival.score : point.score < rival.score)) best.set(point.name, point);
    }
    return [...best.values()];
  }, [points, percent]);
  // 12k bytes, but 0.4 ms: no thousandths of a millisecond.
  const isLarge = points.some((point) => point.cost >= 1000);
  const options = useCallback(
    (width: number): Plot.PlotOptions => ({
      height: 340,
      marginLeft: 52,
      marginRight: 40,
      x: { label: `${costLabel} →`, ...(isLarge ? { tickFormat: "~s" } : {}), ticks: Math.max(3, Math.floor(width / 90)), inset: 18 },
      y: { label: `↑ ${scoreLabel}`, percent, grid: true, zero: percent },
      color: { ...colours, legend: false },
      marks: [
        Plot.ruleY([baseline], { stroke: "currentColor", strokeDasharray: "2 3" }),
        Plot.line(points, { x: "cost", y: "score", stroke: "series", strokeWidth: 1.5, sort: "cost" }),
        Plot.dot(points, { x: "cost", y: "score", fill: "series", symbol: "series", r: 4.5, tip: true, title: (point: TradeOffPoint) => `${point.series}, ${point.name}` }),
        Plot.text(named, { x: "cost", y: "score", text: "name", dy: -11, fontSize: 11, fill: "currentColor" }),
      ],
    }),
    [points, named, isLarge, baseline, scoreLabel, costLabel, percent, colours],
  );
  return <Figure label={label} options={options} />;
}
