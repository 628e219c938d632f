// Teaching a model: what it learns from, quickly or thoroughly, and under which name; then how it goes.
import { useMemo, useState } from "preact/hooks";
import { post } from "../api/client";
import { datasets, jobs, models, snapshot } from "../api/events";
import type { Dataset, DatasetName, FinetuneRequest, Job, Model, TeachRequest } from "../api/types";
import { bytes } from "../core/format";
import { freeName } from "../core/names";
import { hashOf } from "../core/route";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Button, NumberField, Segments, Select, TextField } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Card, Notice } from "../ui/surfaces";
import { JobPanel } from "./job_panel";
import { jobTitle } from "./job_words";

type Method = "teach" | "finetune";
type Freeze = "none" | "stem" | "backbone";

// What keeps a dataset from being taught at all.
export function missing(dataset: Dataset): "things" | "fingertips" | null {
  if (dataset.name === "things") return dataset.categories.filter((each) => each.samples > 0).length < 2 ? "things" : null;
  return dataset.samples - (dataset.unmarked ?? 0) < 2 ? "fingertips" : null;
}

// A head can be put on any network, also on one that was made small. First those that know no things of
// their own yet, and of these what the teacher brought along before what came with the program.
export const backbonesOf = (all: readonly Model[]) => {
  const rank = (model: Model) => [Number(model.categories.length > 0), Number(model.is_built_in), model.file_bytes] as const;
  return all
    .filter((each) => each.categories !== undefined)
    .sort((a, b) => {
      const [x, y] = [rank(a), rank(b)];
      return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
    });
};

const isTraining = (job: Job) => job.kind === "teach" || job.kind === "finetune";

export function Teach() {
  const known = useStore(datasets);
  const list = useStore(jobs);
  const trainings = list.filter(isTraining);
  const latest = trainings.find((each) => each.state === "running") ?? trainings[0];
  return (
    <div class="columns even">
      {known ? <Form known={known} /> : null}
      <div class="stack">
        {latest ? (
          <JobPanel key={latest.id} job={latest} />
        ) : (
          <Card title={t("train.before")}>
            <p class="quiet">{t("train.before.what")}</p>
          </Card>
        )}
        {trainings.length > 1 ? <Earlier list={trainings.filter((each) => each.id !== latest?.id)} /> : null}
      </div>
    </div>
  );
}

function Form({ known }: { known: Record<DatasetName, Dataset> }) {
  const all = useStore(models);
  const state = useStore(snapshot);
  const busy = useStore(jobs).find((each) => each.state === "running" && each.heavy !== false);
  const [name, setName] = useState<DatasetName>("things");
  const [method, setMethod] = useState<Method>("teach");
  const [backbone, setBackbone] = useState("");
  const [called, setCalled] = useState<string | null>(null);
  const [epochs, setEpochs] = useState(10);
  const [batch, setBatch] = useState(16);
  const [freeze, setFreeze] = useState<Freeze>("none");
  const [error, setError] = useState<unknown>(null);
  const [sending, setSending] = useState(false);

  const dataset = known[name];
  const backbones = useMemo(() => backbonesOf(all), [all]);
  const chosen = backbones.find((each) => each.id === backbone) ?? backbones[0];
  const taken = all.map((each) => each.name);
  const suggested = freeName(t(name === "things" ? "name.things" : "name.pointing"), taken);
  const wanted = (called ?? suggested).trim();
  const lacking = missing(dataset);
  const canFinetune = state?.can?.finetune !== false;
  const clash = taken.includes(wanted) ? t("name.taken", { name: wanted, free: freeName(wanted, taken) }) : undefined;
  const start = async (event: Event) => {
    event.preventDefault();
    if (!chosen) return;
    setError(null);
    setSending(true);
    try {
      const common = { dataset: name, backbone: chosen.id, name: wanted };
      const request: TeachRequest | FinetuneRequest = method === "teach" ? { kind: "teach", ...common } : { kind: "finetune", ...common, epochs, batch, freeze };
      await post<Job>("/jobs", request);
      setCalled(null);
    } catch (caught) {
      setError(caught);
    }
    setSending(false);
  };
  return (
    <form class="card" onSubmit={(event) => void start(event)} aria-label={t("train.teach")}>
      <Segments<DatasetName>
        label={t("train.what")}
        shown
        value={name}
        options={[
          { value: "things", label: t("things"), icon: "tag" },
          { value: "pointing", label: t("fingertips"), icon: "finger" },
        ]}
        onValue={(value) => {
          setName(value);
          setCalled(null);
        }}
      />
      <p class="quiet">
        {name === "things"
          ? t("train.from.things", { n: dataset.samples, categories: dataset.categories.filter((each) => each.samples > 0).length })
          : t("train.from.pointing", { n: dataset.samples - (dataset.unmarked ?? 0) })}{" "}
        {t("train.held_out")}
      </p>
      {lacking ? (
        <Notice kind="warn">
          <span>{t(lacking === "things" ? "train.lacks.things" : "train.lacks.pointing")}</span>
          <a href={hashOf("collect", lacking === "things" ? "" : "fingertips")}>{t("train.lacks.go")}</a>
        </Notice>
      ) : null}
      <Segments<Method>
        label={t("train.how")}
        shown
        value={method}
        options={[
          { value: "teach", label: t("train.quick") },
          { value: "finetune", label: t("train.fine"), disabled: !canFinetune },
        ]}
        onValue={setMethod}
      />
      <p class="quiet">{canFinetune || method === "finetune" ? t(method === "teach" ? "train.quick.what" : "train.fine.what") : t("train.fine.cannot")}</p>
      {method === "finetune" ? (
        <>
          <div class="row">
            <NumberField label={t("train.epochs")} value={epochs} min={1} max={500} onValue={setEpochs} />
            <NumberField label={t("train.batch")} value={batch} min={1} max={256} onValue={setBatch} />
          </div>
          <Select
            label={t("train.freeze")}
            hint={t("train.freeze.what")}
            value={freeze}
            options={(["none", "stem", "backbone"] as const).map((value) => ({ value, label: t(`freeze.${value}`) }))}
            onValue={(value) => setFreeze(value as Freeze)}
          />
        </>
      ) : null}
      {backbones.length > 0 ? (
        <Select
          label={t("train.backbone")}
          hint={t("train.backbone.what")}
          value={chosen?.id ?? ""}
          options={backbones.map((each) => ({ value: each.id, label: `${each.name} · ${each.architecture} · ${bytes(each.file_bytes)}` }))}
          onValue={setBackbone}
        />
      ) : (
        <Notice kind="warn">
          <span>{t("train.no_backbone")}</span>
          <a href={hashOf("train", "models")}>{t("train.models")}</a>
        </Notice>
      )}
      <TextField label={t("train.name")} hint={t("train.name.what")} fault={clash} value={called ?? suggested} maxLength={64} onValue={setCalled} />
      {error ? <Failure error={error} /> : null}
      {busy ? <p class="quiet">{t("train.busy", { job: jobTitle(busy) })}</p> : null}
      <div class="row">
        <Button type="submit" look="primary" icon="play" disabled={sending || lacking !== null || !chosen || wanted === "" || clash !== undefined || busy !== undefined}>
          {t("train.start")}
        </Button>
      </div>
    </form>
  );
}

function Earlier({ list }: { list: Job[] }) {
  return (
    <Card title={t("train.earlier")}>
      <ul class="plain-list">
        {list.slice(0, 8).map((job) => (
          <li key={job.id}>
            <details>
              <summary>
                <span class="grow">{jobTitle(job)}</span>
                <span class={`badge ${job.state === "done" ? "good" : job.state === "cancelled" ? "" : "bad"}`}>{t(`job.state.${job.state}`)}</span>
              </summary>
              <JobPanel job={job} quiet />
            </details>
          </li>
        ))}
      </ul>
    </Card>
  );
}
