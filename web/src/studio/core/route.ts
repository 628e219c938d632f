// Which view is shown, in the address after `#`: /#/collect/PROJECT. A reload or a bookmark finds it again.
import { Store } from "./store";

export const views = ["collect", "train", "live", "compress", "settings"] as const;
export type View = (typeof views)[number];

export interface Route {
  view: View;
  // What is open within the view: train/models, compress/lab.
  part: string;
}

export function parseRoute(hash: string): Route {
  const [view = "", part = ""] = hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return views.includes(view as View) ? { view: view as View, part } : { view: "collect", part: "" };
}

export function hashOf(view: View, part = ""): string {
  return part ? `#/${view}/${encodeURIComponent(part)}` : `#/${view}`;
}

export const route = new Store<Route>({ view: "collect", part: "" });

export function followAddress(): void {
  const read = () => route.set(parseRoute(location.hash));
  addEventListener("hashchange", read);
  read();
}
