// Plans in words and numbers: their names, their scores, and which are worth having.
import type { CompressRequest, Granularity, ModelScore, Plan } from "../api/types";
import type { ScoreKind } from "../core/format";
import { t } from "../i18n/i18n";

export function valueOf(score: number | ModelScore | null | undefined): number | null {
  if (score == null) return null;
  return typeof score === "number" ? score : score.value;
}

export function kindOf(score: number | ModelScore | null | undefined, task: "classify" | "locate"): ScoreKind {
  if (score != null && typeof score === "object") return score.name === "top1" ? "top1" : "mean_error_px";
  return task === "locate" ? "mean_error_px" : "top1";
}

export function planName(plan: Pick<Plan, "centroids" | "prune" | "activations">): string {
  const parts = [plan.centroids ? `K=${plan.centroids}` : t("plan.weights_kept")];
  if (plan.prune) parts.push(t("plan.pruned"));
  if (plan.activations === "int8") parts.push("int8");
  return parts.join(" · ");
}

export const seriesOf = (plan: Pick<Plan, "granularity" | "prune" | "activations">): string =>
  [plan.granularity ? t(`granularity.${plan.granularity}`) : t("plan.weights_kept"), plan.prune ? t("plan.pruned") : "", plan.activations === "int8" ? "int8" : ""].filter(Boolean).join(" · ");

// A name for the model that a plan makes, of letters that any disk takes.
export function modelName(model: string, plan: Pick<CompressRequest, "centroids" | "granularity" | "prune" | "activations" | "target_bytes" | "max_drop">): string {
  const parts = [model];
  if (plan.target_bytes !== undefined) parts.push(`${Math.round(plan.target_bytes / 1000)}kB`);
  else if (plan.max_drop !== undefined) parts.push(`drop${plan.max_drop}`);
  else if (plan.centroids !== undefined) parts.push(`k${plan.centroids}`);
  if (plan.granularity && plan.granularity !== "group") parts.push(plan.granularity);
  if (plan.prune) parts.push("pruned");
  if (plan.activations) parts.push(plan.activations);
  return parts.join("-");
}

interface Judged {
  file_bytes: number;
  score: number | ModelScore | null;
}

// Of the plans that lose at most `tolerance` (a share, or of pixels the share of the baseline's), the smallest.
export function recommended<P extends Judged>(plans: readonly P[], baseline: number | null, kind: ScoreKind, tolerance = kind === "top1" ? 0.01 : 0.1): P | null {
  if (baseline === null) return null;
  const fits = plans.filter((plan) => {
    const value = valueOf(plan.score);
    if (value === null) return false;
    return kind === "top1" ? value >= baseline - tolerance - 1e-12 : value <= baseline * (1 + tolerance);
  });
  return fits.sort((a, b) => a.file_bytes - b.file_bytes)[0] ?? null;
}

export interface Grid {
  centroids: readonly number[];
  prune: readonly boolean[];
  granularity: Granularity;
  activations: null | "int8";
}

// Every plan of a grid, the gentlest first.
export function plansOf(grid: Grid): Pick<CompressRequest, "centroids" | "granularity" | "prune" | "activations">[] {
  return [...grid.centroids]
    .sort((a, b) => b - a)
    .flatMap((centroids) => grid.prune.map((prune) => ({ centroids, granularity: grid.granularity, prune, activations: grid.activations })));
}
