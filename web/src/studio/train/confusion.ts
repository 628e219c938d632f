// Reading a confusion matrix: which cells hold which pictures, and what is mistaken most often.
import type { EvaluatedPicture } from "../api/types";

// A picture's category by index or by name, as the server gives it.
export function indexOf(category: string | number | null | undefined, categories: readonly string[]): number {
  return typeof category === "number" ? category : categories.indexOf(category ?? "");
}

export function picturesOf(pictures: readonly EvaluatedPicture[], categories: readonly string[], actual: number, predicted: number): EvaluatedPicture[] {
  return pictures.filter((each) => indexOf(each.actual, categories) === actual && indexOf(each.predicted, categories) === predicted);
}

export interface Mistake {
  actual: number;
  predicted: number;
  count: number;
}

export function mostMistaken(confusion: readonly (readonly number[])[]): Mistake | null {
  let most: Mistake | null = null;
  confusion.forEach((row, actual) =>
    row.forEach((count, predicted) => {
      if (actual !== predicted && count > (most?.count ?? 0)) most = { actual, predicted, count };
    }),
  );
  return most;
}

// The share of errors within each of the limits, in pixels (PCK).
export function within(errors: readonly number[], limits: readonly number[]): number[] {
  return limits.map((limit) => (errors.length === 0 ? 0 : errors.filter((error) => error <= limit).length / errors.length));
}
