// Plans waiting to be tried: the server runs one heavy job at a time, so the page sends the next one
// when the last has ended. Kept for a reload of the page, in this tab.
import { post, Refusal } from "../api/client";
import { jobs } from "../api/events";
import type { CompressRequest, Job } from "../api/types";
import { Store } from "../core/store";

const storageKey = "deixis-plans";

export interface Queue {
  waiting: CompressRequest[];
  error: unknown;
}

function kept(): CompressRequest[] {
  try {
    const list = JSON.parse(sessionStorage.getItem(storageKey) ?? "[]") as unknown;
    return Array.isArray(list) ? (list as CompressRequest[]) : [];
  } catch {
    return [];
  }
}

export const queue = new Store<Queue>({ waiting: typeof sessionStorage === "undefined" ? [] : kept(), error: null });

queue.watch(({ waiting }) => {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(waiting));
  } catch {
    // Without storage the plans last as long as the page.
  }
});

let sending = false;

const heavy = (list: readonly Job[]) => list.some((each) => each.state === "running" && each.heavy !== false);

export async function sendNext(): Promise<void> {
  const [next, ...rest] = queue.value.waiting;
  if (!next || sending || heavy(jobs.value)) return;
  sending = true;
  try {
    const job = await post<Job>("/jobs", next);
    jobs.update((list) => (list.some((each) => each.id === job.id) ? list : [job, ...list]));
    queue.set({ waiting: rest, error: null });
  } catch (error) {
    // Something else runs: it will be tried again when that ends. Anything else ends the queue.
    if (!(error instanceof Refusal && error.kind === "job-running")) queue.set({ waiting: [], error });
  }
  sending = false;
}

export function addPlans(plans: readonly CompressRequest[]): void {
  queue.update((before) => ({ waiting: [...before.waiting, ...plans], error: null }));
  void sendNext();
}

export const dropPlans = (): void => queue.set({ waiting: [], error: null });

jobs.watch(() => void sendNext());
