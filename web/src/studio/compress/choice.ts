// Which model the lab is about: the same in all of its parts, until another is chosen.
import { models } from "../api/events";
import type { Model } from "../api/types";
import { Store, useStore } from "../core/store";

const chosen = new Store("");

// Whether the weights are stored as they are, not as indices of centroids.
export const isDense = (model: Model) => !model.storage || model.storage === "dense";

export function useLabModel(filter: (model: Model) => boolean = () => true): [Model | undefined, Model[], (id: string) => void] {
  const all = useStore(models).filter(filter);
  const id = useStore(chosen);
  const mine = all.filter((each) => !each.is_built_in);
  return [all.find((each) => each.id === id) ?? mine.find((each) => each.active.length > 0) ?? mine[0] ?? all[0], all, (next) => chosen.set(next)];
}
