// Where the fingertip and the knuckle are: arithmetic of marking, in fractions of the picture.
import type { NamedPoint, Point } from "../api/types";
import type { Size } from "../ui/stage";

export const pointNames = ["fingertip", "knuckle"] as const;
export type PointName = (typeof pointNames)[number];

export type Marks = Partial<Record<PointName, Point>>;

const clamp = (value: number) => Math.min(1, Math.max(0, value));

// Moved by pixels of the picture. A first key press starts from the middle.
export function moved(point: Point | undefined, dx_px: number, dy_px: number, size: Size): Point {
  const from = point ?? { x: 0.5, y: 0.5 };
  return { x: clamp(from.x + dx_px / size.width), y: clamp(from.y + dy_px / size.height) };
}

// Pixels are counted from 0, and a point on one is at its centre.
export const pixelOf = (share: number, pixels: number): number => Math.min(pixels - 1, Math.max(0, Math.round(share * pixels - 0.5)));
export const shareOf = (pixel: number, pixels: number): number => (pixel + 0.5) / pixels;

// The place in the picture that a press on the page means; `box` is where the picture is shown.
export function placeOf(client: { clientX: number; clientY: number }, box: { left: number; top: number; width: number; height: number }): Point {
  return { x: clamp((client.clientX - box.left) / box.width), y: clamp((client.clientY - box.top) / box.height) };
}

export function marksOf(points: readonly NamedPoint[] | undefined): Marks {
  const marks: Marks = {};
  for (const name of pointNames) {
    const found = points?.find((each) => each.category === name);
    if (found) marks[name] = { x: found.x, y: found.y };
  }
  return marks;
}

export function pointsOf(marks: Marks): NamedPoint[] {
  return pointNames.flatMap((category) => {
    const point = marks[category];
    return point ? [{ category, ...point }] : [];
  });
}

// How many fingertips fell into each ninth of the picture, row by row.
export function spread(samples: readonly { points?: NamedPoint[] }[]): number[] {
  const counts = new Array<number>(9).fill(0);
  for (const { points } of samples) {
    const tip = marksOf(points).fingertip;
    if (!tip) continue;
    const column = Math.min(2, Math.floor(3 * tip.x));
    const row = Math.min(2, Math.floor(3 * tip.y));
    counts[3 * row + column]! += 1;
  }
  return counts;
}
