// The one event stream, and the state of the studio that it keeps up to date. EventSource comes
// back by itself when the connection breaks; what it missed is sent again, or a new snapshot.
import { Store } from "../core/store";
import { base, get } from "./client";
import type { BrokenModel, Camera, Dataset, EpochPoint, Job, Live, Look, Model, Project, Snapshot } from "./types";

export type Connection = "connecting" | "open" | "lost" | "signed-out";

export const connection = new Store<Connection>("connecting");
export const snapshot = new Store<Snapshot | null>(null);
export const camera = new Store<Camera>({ uri: "", state: "none" });
export const datasets = new Store<Snapshot["datasets"] | null>(null);
export const models = new Store<Model[]>([]);
// Files among the models that are none.
export const brokenModels = new Store<BrokenModel[]>([]);
export const jobs = new Store<Job[]>([]);
export const live = new Store<Live>({ running: false, pointer: null, objects: null, compare: null, speak: false });
export const look = new Store<Look | null>(null);
// Points that came while this page was open; `GET /jobs/{job}` has those before.
export const curves = new Store<Record<string, EpochPoint[]>>({});

const emptySnapshot = { project: null, datasets: null, camera: camera.value, models: [], jobs: [], live: live.value };

// Newest first; a job that is heard of again takes the place of what was known.
export function withJob(list: Job[], job: Job): Job[] {
  const at = list.findIndex((each) => each.id === job.id);
  if (at < 0) return [job, ...list];
  const merged = [...list];
  merged[at] = { ...list[at]!, ...job };
  return merged;
}

// Points ascend by epoch and there is one of each: a job that is resumed repeats some.
export function withPoints(before: readonly EpochPoint[], added: readonly EpochPoint[]): EpochPoint[] {
  const byEpoch = new Map(before.map((point) => [point.epoch, point]));
  for (const point of added) byEpoch.set(point.epoch, { ...byEpoch.get(point.epoch), ...point });
  return [...byEpoch.values()].sort((a, b) => a.epoch - b.epoch);
}

export function addToCurve(job: string, added: readonly EpochPoint[]): void {
  curves.update((all) => ({ ...all, [job]: withPoints(all[job] ?? [], added) }));
}

function takeModels(list: readonly (Model | BrokenModel)[]): void {
  models.set(list.filter((each): each is Model => !("error" in each)));
  brokenModels.set(list.filter((each): each is BrokenModel => "error" in each));
}

// Everything that was known of the project that was open is forgotten with it.
async function takeOtherProject(): Promise<void> {
  const taken = await get<Snapshot>("/status");
  curves.set({});
  look.set(null);
  takeSnapshot(taken);
}

// A server that does not know a part yet (an older one) leaves it out: the rest of the page works.
export function takeSnapshot(taken: Partial<Snapshot> & Pick<Snapshot, "version" | "boot">): void {
  snapshot.set({ ...emptySnapshot, ...taken });
  datasets.set(taken.datasets ?? null);
  if (taken.camera) camera.set(taken.camera);
  takeModels(taken.models ?? []);
  jobs.set(taken.jobs ?? []);
  if (taken.live) live.set(taken.live);
}

const handlers: Record<string, (data: never) => void> = {
  snapshot: (data: Snapshot) => takeSnapshot(data),
  camera: (data: Camera) => camera.set(data),
  project: (data: Project) => {
    if (data.id !== snapshot.value?.project?.id) void takeOtherProject().catch(() => {});
    else snapshot.update((before) => (before ? { ...before, project: data } : before));
  },
  dataset: (data: Dataset) => datasets.update((before) => (before ? { ...before, [data.name]: data } : before)),
  job: (data: Job) => {
    jobs.update((before) => withJob(before, data));
    if (data.point) addToCurve(data.id, [data.point]);
  },
  models: (data: { models: (Model | BrokenModel)[] }) => takeModels(data.models),
  "live-state": (data: Live) => {
    live.set(data);
    if (!data.running) look.set(null);
  },
  live: (data: Look) => look.set(data),
};

export function listen(): () => void {
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(`${base}/events`);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data) as never));
    }
    source.onopen = () => connection.set("open");
    source.onerror = () => {
      if (connection.value !== "signed-out") connection.set("lost");
      if (source?.readyState !== EventSource.CLOSED) return;  // it comes back by itself
      again = setTimeout(open, 2000);
    };
  };
  open();
  return () => {
    clearTimeout(again);
    source?.close();
  };
}
