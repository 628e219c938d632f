// What a screen reader is told without its focus moving: politely, and no faster than it can be heard.
import { Store } from "./store";

// The same words twice are two messages: the region is told apart by the number.
export interface Announcement {
  number: number;
  text: string;
}

export const polite = new Store<Announcement>({ number: 0, text: "" });
export const assertive = new Store<Announcement>({ number: 0, text: "" });

export function announce(text: string, urgency: "polite" | "assertive" = "polite"): void {
  const region = urgency === "polite" ? polite : assertive;
  region.set({ number: region.value.number + 1, text });
}

// Progress in steps of ten per cent: `told` is the last step told, the answer is the step to tell now.
export function stepToTell(told: number, progress: number): number | null {
  const step = Math.floor(progress * 10 + 1e-9);
  return step > told ? step : null;
}
