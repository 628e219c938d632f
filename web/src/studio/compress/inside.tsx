// Inside a model: the weights of one node of any layer as stems, the centroids that would replace
// them, and what that costs, while K is moved.
import { useMemo, useState } from "preact/hooks";
import { Scroll } from "../../charts/scroll";
import type { Granularity, LayerWeights, ModelDetail } from "../api/types";
import { bytes, percent, significant } from "../core/format";
import { number, t } from "../i18n/i18n";
import { StemPlot } from "../ui/charts";
import { NumberField, Segments, Select, Slider, Switch } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Card } from "../ui/surfaces";
import { useLabModel } from "./choice";
import { useLatest } from "./latest";

const centroidCounts = [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 48, 64, 128, 256] as const;
const granularities = ["row", "group", "tensor"] as const;

// What each weight becomes.
export function replaced(view: Pick<LayerWeights, "codebook" | "indices" | "zero_index">, prune: boolean): Float32Array {
  const codebook = view.codebook ?? [];
  return Float32Array.from(view.indices ?? [], (k) => (prune && k === view.zero_index ? 0 : (codebook[k] ?? 0)));
}

// The head, where one look says most; it is the last layer.
const headOf = (detail: ModelDetail) => detail.layers.at(-1)?.name ?? "";

export function Inside() {
  const [model, all, choose] = useLabModel();
  const { answer: detail, error } = useLatest<ModelDetail>(model ? `/models/${encodeURIComponent(model.id)}` : null);
  if (!model) return <p class="quiet">{t("models.none")}</p>;
  const fits = detail?.id === model.id ? detail : null;
  return (
    <>
      <p class="quiet">{t("inside.what")}</p>
      {error ? <Failure error={error} /> : null}
      {fits ? <Layers key={fits.id} detail={fits} models={all.map((each) => ({ value: each.id, label: each.name }))} onModel={choose} /> : null}
    </>
  );
}

function Layers({ detail, models, onModel }: { detail: ModelDetail; models: { value: string; label: string }[]; onModel: (id: string) => void }) {
  const [layer, setLayer] = useState(headOf(detail));
  const [node, setNode] = useState(0);
  const [place, setPlace] = useState(centroidCounts.indexOf(8));
  const [granularity, setGranularity] = useState<Granularity>("row");
  const [prune, setPrune] = useState(false);
  const k = centroidCounts[place]!;
  const query = new URLSearchParams({ k: String(k), node: String(node), granularity, prune: String(prune) });
  const path = `/models/${encodeURIComponent(detail.id)}/layers/${encodeURIComponent(layer)}/weights?${query}`;
  const { answer, error, stale } = useLatest<LayerWeights>(path);
  const view = answer?.layer === layer ? answer : null;
  const chosen = detail.layers.find((each) => each.name === layer);
  const nodes = view?.nodes ?? chosen?.shape[0] ?? 1;
  const nodeNames = layer === headOf(detail) ? detail.categories : [];
  return (
    <div class="columns lab plot-first">
      <div class="stack">
        <Card title={t("inside.layer", { layer })} actions={<span class={`badge ${stale ? "" : "good"}`}>{t(stale ? "inside.counting" : "inside.counted")}</span>}>
          <div class="row bottom">
            <div class="grow">
              <Slider label={t("inside.k")} value={place} max={centroidCounts.length - 1} text={String(k)} onValue={setPlace} />
            </div>
            <Switch label={t("inside.prune")} checked={prune} onChecked={setPrune} />
          </div>
          {view ? <Stems view={view} prune={prune} name={nodeNames[node] ?? t("inside.node", { n: node })} k={k} /> : <div class="figure waiting">{t("opening")}</div>}
          {error ? <Failure error={error} /> : null}
        </Card>
        {view?.codebook ? (
          <details>
            <summary>{t("inside.codebook")}</summary>
            <Codebook view={view} prune={prune} />
          </details>
        ) : null}
      </div>
      <div class="stack">
        <Card title={t("inside.choose")}>
          <Segments<Granularity>
            label={t("inside.granularity")}
            shown
            value={granularity}
            options={granularities.map((value) => ({ value, label: t(`granularity.${value}`) }))}
            onValue={setGranularity}
          />
          <Select label={t("model")} value={detail.id} options={models} onValue={onModel} />
          <Select
            label={t("layer")}
            value={layer}
            options={detail.layers.map((each) => ({ value: each.name, label: `${each.name} · ${each.shape.join("×")} · ${bytes(each.bytes)}` }))}
            onValue={(name) => {
              setLayer(name);
              setNode(0);
            }}
          />
          {nodeNames.length > 0 && nodeNames.length === nodes ? (
            <Select label={t("inside.of_node")} value={String(node)} options={nodeNames.map((name, index) => ({ value: String(index), label: `${index}: ${name}` }))} onValue={(value) => setNode(Number(value))} />
          ) : (
            <NumberField label={t("inside.of_node")} hint={t("inside.nodes", { n: nodes })} value={node} min={0} max={Math.max(0, nodes - 1)} onValue={setNode} />
          )}
        </Card>
        {view ? <Cost view={view} k={k} /> : null}
      </div>
    </div>
  );
}

function Stems({ view, prune, name, k }: { view: LayerWeights; prune: boolean; name: string; k: number }) {
  const before = useMemo(() => Float32Array.from(view.weights), [view]);
  const codebook = useMemo(() => Float32Array.from(view.codebook ?? []), [view]);
  const after = useMemo(() => replaced(view, prune), [view, prune]);
  const domain = useMemo((): [number, number] => {
    const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    return [-1.05 * largest, 1.05 * largest];
  }, [before]);
  const removed = prune && view.zero_index != null ? { removed: view.zero_index } : {};
  const words = (what: string) => t("inside.plot", { what, name, k, n: before.length });
  return (
    <>
      <figure>
        <figcaption>{t("inside.before")}</figcaption>
        <StemPlot label={words(t("inside.before"))} values={before} codebook={codebook} domain={domain} {...removed} />
      </figure>
      {after.length > 0 ? (
        <figure>
          <figcaption>{t(prune ? "inside.after.pruned" : "inside.after")}</figcaption>
          <StemPlot label={words(t("inside.after"))} values={after} codebook={codebook} domain={domain} {...removed} />
        </figure>
      ) : null}
      {view.step && view.step > 1 ? <p class="quiet small">{t("inside.step", { n: view.step })}</p> : null}
    </>
  );
}

function Cost({ view, k }: { view: LayerWeights; k: number }) {
  const tile = (label: string, value: string, small = "") => (
    <div>
      <dt>{label}</dt>
      <dd>
        {value}
        {small ? <small>{small}</small> : null}
      </dd>
    </div>
  );
  const shown = (value: number | null | undefined) => (value == null ? "–" : significant(value));
  const decibels = (value: number | null | undefined) => (value == null ? "" : `${number(value, undefined, 1)} dB`);
  return (
    <Card title={t("cost")}>
      <dl class="tiles" aria-live="off">
        {tile(t("cost.layer_mse"), shown(view.layer_mse), decibels(view.layer_snr_db))}
        {tile(t("cost.node_mse"), shown(view.node_mse), decibels(view.node_snr_db))}
        {view.bytes != null && view.dense_bytes ? tile(t("cost.bytes"), bytes(view.bytes), t("cost.smaller", { times: number(view.dense_bytes / view.bytes, undefined, 1), from: bytes(view.dense_bytes) })) : null}
        {tile(t("cost.bits"), number(Math.ceil(Math.log2(k))), t("cost.bits.what"))}
        {view.zero_share != null ? tile(t("cost.zeros"), percent(view.zero_share, 1)) : null}
      </dl>
      <p class="quiet small">{t("cost.what")}</p>
    </Card>
  );
}

function Codebook({ view, prune }: { view: LayerWeights; prune: boolean }) {
  const codebook = view.codebook ?? [];
  const counts = new Array<number>(codebook.length).fill(0);
  for (const k of view.indices ?? []) counts[k]! += 1;
  return (
    <Scroll label={t("inside.codebook")}>
      <table>
        <caption class="sr-only">{t("inside.codebook")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("inside.index")}</th>
            <th scope="col">{t("inside.centroid")}</th>
            <th scope="col">{t("inside.weights")}</th>
            <th scope="col">{t("inside.note")}</th>
          </tr>
        </thead>
        <tbody>
          {codebook.map((value, index) => (
            <tr key={index}>
              <th scope="row">{index}</th>
              <td>{significant(prune && index === view.zero_index ? 0 : value, 4)}</td>
              <td>{number(counts[index] ?? 0)}</td>
              <td>{index === view.zero_index ? t(prune ? "inside.pruned" : "inside.nearest") : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
