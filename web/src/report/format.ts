// Numbers as the report prints them.
import type { Metric } from "./data";

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  return `${(count / 1e6).toFixed(2)} MB`;
}

export function score(metric: Metric, value: number): string {
  return metric.kind === "top1" ? `${(100 * value).toFixed(2)} %` : `${value.toFixed(2)} px`;
}

// The change against the baseline, in points or pixels, with its sign.
export function change(metric: Metric, value: number, baseline: number): string {
  const difference = metric.kind === "top1" ? 100 * (value - baseline) : value - baseline;
  const text = Math.abs(difference).toFixed(2);
  const sign = Number(text) === 0 ? "±" : difference < 0 ? "−" : "+";
  return `${sign}${text}`;
}

export function significant(value: number, digits = 3): string {
  return value === 0 ? "0" : value.toPrecision(digits);
}

export const metricName = (metric: Metric) => (metric.kind === "top1" ? "Top-1 accuracy" : "Mean error");
export const changeUnit = (metric: Metric) => (metric.kind === "top1" ? "points" : "px");
