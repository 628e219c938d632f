// What the studio's server sends and takes: docs/studio-api.md, in types. Times are milliseconds;
// places in a picture are fractions of its width and height.

export type Task = "classify" | "locate";
export type DatasetName = "things" | "pointing";

export interface Camera {
  uri: string;
  state: "none" | "starting" | "running" | "no signal" | "ended";
  reason?: string | null;
  device?: string | null;
  identity?: string | null;
  width_px?: number | null;
  height_px?: number | null;
  fps?: number | null;
  age_ms?: number | null;
  frames?: number;
  reconnections?: number;
}

export interface CameraChoice {
  uri: string;
  name: string;
  identity?: string | null;
}

export interface Project {
  id: string;
  name: string;
  folder?: string;
  is_open: boolean;
}

export interface Category {
  name: string;
  samples: number;
  training?: number;
  held_out?: number;
  is_nothing?: boolean;
}

export interface Advice {
  kind: "few-pictures" | "no-nothing" | "few-finger-free" | "uneven";
  category?: string | null;
  have?: number | null;
  want?: number | null;
}

export interface Dataset {
  name: DatasetName;
  task: Task;
  categories: Category[];
  samples: number;
  unmarked?: number;
  advice: Advice[];
  undo: Step | null;
  redo?: Step | null;
}

// What undoing or doing again would do.
export interface Step {
  what: string;
  pictures?: number;
  category?: string | null;
  text: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface NamedPoint extends Point {
  category: string;
}

export interface Sample {
  id: string;
  file?: string;
  category?: string | null;
  split?: "train" | "held_out";
  burst?: string | null;
  width_px: number;
  height_px: number;
  created?: string;
  present?: boolean | null;
  points?: NamedPoint[];
}

export interface NewSample {
  frame_id: number;
  category?: string;
  burst?: string;
  present?: boolean;
  points?: NamedPoint[];
}

export interface EpochPoint {
  epoch: number;
  epochs?: number;
  train_loss?: number | null;
  held_out_loss?: number | null;
  train_score?: number | null;
  held_out_score?: number | null;
  seconds?: number;
}

export type JobKind = "teach" | "finetune" | "evaluate" | "compress" | "study" | "import" | "export";

export interface TeachRequest {
  kind: "teach";
  dataset: DatasetName;
  backbone: string;
  name: string;
}
export interface FinetuneRequest extends Omit<TeachRequest, "kind"> {
  kind: "finetune";
  epochs?: number;
  batch?: number;
  freeze?: "none" | "stem" | "backbone";
  learning_rate?: number;
}
export interface EvaluateRequest {
  kind: "evaluate";
  model: string;
  dataset: DatasetName;
  split: "held_out" | "train" | "all";
}
export type Granularity = "row" | "group" | "tensor";
export interface CompressRequest {
  kind: "compress";
  model: string;
  name: string;
  dataset: DatasetName | null;
  centroids?: number;
  granularity?: Granularity;
  prune?: boolean;
  activations?: null | "int8";
  layers?: string;
  target_bytes?: number;
  max_drop?: number;
}
export interface StudyRequest {
  kind: "study";
  model: string;
  dataset: DatasetName;
}
export interface ImportRequest {
  kind: "import";
  dataset: DatasetName;
  upload: string;
  category: string | null;
}
export interface ExportRequest {
  kind: "export";
  dataset: DatasetName;
  layout?: "tables" | "imagefolder" | "names";
}
export type JobRequest =
  | ImportRequest
  | ExportRequest
  | TeachRequest
  | FinetuneRequest
  | EvaluateRequest
  | CompressRequest
  | StudyRequest;

export interface JobError {
  code?: string | number;
  message: string;
  remedy?: string | null;
}

export interface Job {
  id: string;
  kind: JobKind;
  heavy?: boolean;
  state: "running" | "done" | "failed" | "cancelled" | "lost";
  request: JobRequest;
  created?: string;
  finished?: string | null;
  elapsed_ms?: number | null;
  eta_ms?: number | null;
  progress?: { task?: string | null; detail?: string | null; share?: number | null; done?: number | null; total?: number | null } | null;
  curve?: EpochPoint[];
  point?: EpochPoint | null;
  score?: "top1" | "mean_error_px" | null;
  result?: JobResult | null;
  error?: JobError | null;
  can_resume?: boolean;
  model?: string | null;
}

export interface EvaluatedPicture {
  sample: string;
  actual?: string | number | null;
  predicted?: string | number | null;
  probability?: number | null;
  error_px?: number | null;
}

// What jobs end with; which members there are depends on the kind.
export interface JobResult {
  images?: number;
  top1?: number | null;
  mean_error_px?: number | null;
  median_error_px?: number | null;
  p95_error_px?: number | null;
  categories?: string[];
  confusion?: number[][];
  pictures?: EvaluatedPicture[];
  file_bytes?: number;
  source_bytes?: number;
  latency_ms?: number | null;
}

export interface ModelScore {
  name: string;
  value: number;
  images?: number | null;
  split?: string | null;
}

// A file that somebody put among the models and that is none.
export interface BrokenModel {
  id: string;
  name: string;
  error: string;
}

export interface Model {
  id: string;
  name: string;
  is_built_in: boolean;
  active: ("objects" | "pointer")[];
  task: Task;
  architecture: string;
  categories: string[];
  tells_presence?: boolean;
  input?: { height_px: number; width_px: number };
  file_bytes: number;
  created?: string;
  made_from?: string | null;
  made_by?: "teach" | "finetune" | "compress" | "import" | null;
  storage?: string | null;
  activations?: null | "int8";
  score: ModelScore | null;
  latency_ms?: number | null;
}

export interface Layer {
  name: string;
  shape: number[];
  weights: number;
  bytes: number;
  storage?: string | null;
}

export interface ModelDetail extends Model {
  layers: Layer[];
}

export interface Plan {
  job?: string | null;
  model?: string | null;
  centroids?: number | null;
  granularity?: Granularity | null;
  prune?: boolean | null;
  activations?: null | "int8";
  file_bytes: number;
  // Of what it was made from, on the same pictures.
  score_before?: ModelScore | null;
  score: number | ModelScore | null;
  latency_ms: number | null;
}

export interface Plans {
  baseline: Plan;
  plans: Plan[];
}

export interface LayerWeights {
  layer: string;
  shape: number[];
  nodes: number;
  node: number;
  weights_per_node: number;
  step?: number;
  k?: number | null;
  granularity?: Granularity;
  weights: number[];
  codebook?: number[] | null;
  indices?: number[] | null;
  zero_index?: number | null;
  node_mse?: number | null;
  node_snr_db?: number | null;
  layer_mse?: number | null;
  layer_snr_db?: number | null;
  zero_share?: number | null;
  bytes?: number | null;
  dense_bytes?: number | null;
}

export type DecisionState = "no-finger" | "seeking" | "locked" | "settled";

export interface Live {
  running: boolean;
  pointer: string | null;
  objects: string | null;
  compare: string | null;
  speak: boolean;
  state?: DecisionState;
  labels?: string[];
  error?: string | null;
}

export interface LiveEvent {
  kind: string;
  label?: string | null;
  probability?: number | null;
  phrase?: string | null;
}

export interface Look {
  frame_id: number;
  age_ms?: number;
  presence?: number | null;
  tip: Point | null;
  crop: { x: number; y: number; width: number; height: number } | null;
  fault: null | "too-dark" | "too-blurred" | "tip-at-edge";
  probabilities: number[];
  unknown?: boolean;
  state?: DecisionState;
  dwell?: number;
  events?: LiveEvent[];
  ms?: { pointer?: number | null; objects?: number | null; total?: number };
  compare?: { labels?: string[]; probabilities?: number[]; tip?: Point | null; ms?: number | { total?: number } } | null;
}

export interface Snapshot {
  version: string;
  boot: string;
  project: Project | null;
  datasets: Record<DatasetName, Dataset> | null;
  camera: Camera;
  models: (Model | BrokenModel)[];
  jobs: Job[];
  live: Live;
  secure?: boolean;
  audio?: { available: boolean };
  memory?: { total_bytes: number; available_bytes: number };
  can?: { finetune?: boolean };
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  remedy?: string;
  code?: string;
  job?: string;
  field?: string;
}
