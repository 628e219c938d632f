// Quantities as they are read: sizes, shares, spans of time, scores, in the reader's language.
import { number, t } from "../i18n/i18n";

export function bytes(count: number): string {
  if (count < 1000) return `${number(count)} B`;
  if (count < 1e6) return `${number(count / 1e3, undefined, count < 1e5 ? 1 : 0)} kB`;
  if (count < 1e9) return `${number(count / 1e6, undefined, 2)} MB`;
  return `${number(count / 1e9, undefined, 2)} GB`;
}

export const percent = (share: number, digits = 0): string => `${number(100 * share, undefined, digits)} %`;

export const age = (ms: number): string => `${number(Math.round(ms))} ms`;

export function milliseconds(ms: number): string {
  return `${number(ms, undefined, ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

// Coarser the longer it is: nobody needs the seconds of an hour.
export function span(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return t("seconds", { n: seconds });
  if (seconds < 90 * 60) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: number(seconds / 3600, undefined, 1) });
}

export type ScoreKind = "top1" | "mean_error_px";

export const scoreText = (kind: ScoreKind, value: number, digits = 1): string =>
  kind === "top1" ? percent(value, digits) : `${number(value, undefined, digits)} px`;

// The change against `before` with its sign: points of a per cent, or pixels.
export function changeText(kind: ScoreKind, value: number, before: number): string {
  const difference = kind === "top1" ? 100 * (value - before) : value - before;
  const text = number(Math.abs(difference), undefined, 1);
  const zero = Math.abs(difference) < 0.05;
  return `${zero ? "±" : difference < 0 ? "−" : "+"}${text}${kind === "top1" ? "" : " px"}`;
}

export function significant(value: number, digits = 3): string {
  if (value === 0) return "0";
  return Math.abs(value) < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
}
