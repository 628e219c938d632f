// The models: which are in use, what each is, side by side, renamed, handed out, thrown away and fetched back.
import { useEffect, useRef, useState } from "preact/hooks";
import { Scroll } from "../../charts/scroll";
import { base, get, patch, post, remove, upload } from "../api/client";
import { brokenModels, models } from "../api/events";
import type { Model } from "../api/types";
import { isDense } from "../compress/choice";
import { bytes, milliseconds, percent, scoreText } from "../core/format";
import { freeName } from "../core/names";
import { hashOf } from "../core/route";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Button, TextField, Tick } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Card, Dialog, Notice, Progress, toast } from "../ui/surfaces";

const pathOf = (model: Pick<Model, "id">) => `/models/${encodeURIComponent(model.id)}`;

export const taskName = (model: Model) => t(model.task === "locate" ? "task.locate" : "task.classify");

export const storageText = (model: Model) => (isDense(model) ? t("models.dense") : (model.storage ?? ""));

export function modelScore(model: Model): string {
  if (!model.score) return t("not_measured");
  return scoreText(model.score.name === "top1" ? "top1" : "mean_error_px", model.score.value);
}

export function Models() {
  const all = useStore(models);
  const broken = useStore(brokenModels);
  const [compared, setCompared] = useState<readonly string[]>([]);
  const [adding, setAdding] = useState(false);
  const side = compared.flatMap((id) => all.find((each) => each.id === id) ?? []);
  const mark = (id: string, on: boolean) => setCompared((before) => (on ? [...before, id] : before.filter((each) => each !== id)));
  return (
    <>
      <div class="row">
        <Button icon="import" onClick={() => setAdding(true)}>
          {t("models.add")}
        </Button>
        <p class="quiet">{t("models.compare.how")}</p>
      </div>
      {broken.map((each) => (
        <Notice key={each.id} kind="warn">
          <b>{t("models.broken", { name: each.name })}</b>
          <span lang="en">{each.error}</span>
        </Notice>
      ))}
      {side.length > 1 ? <Comparison list={side} /> : null}
      <ul class="models">
        {all.map((each) => (
          <li key={each.id}>
            <ModelCard model={each} compared={compared.includes(each.id)} onCompared={(on) => mark(each.id, on)} />
          </li>
        ))}
      </ul>
      <Bin changed={all} />
      {adding ? <AddModel taken={all.map((each) => each.name)} onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function ModelCard({ model, compared, onCompared }: { model: Model; compared: boolean; onCompared: (on: boolean) => void }) {
  const [error, setError] = useState<unknown>(null);
  const [dialog, setDialog] = useState<"rename" | "export" | null>(null);
  const attempt = async (action: () => Promise<void>) => {
    setError(null);
    try {
      await action();
    } catch (caught) {
      setError(caught);
    }
  };
  const bin = () =>
    attempt(async () => {
      await remove(pathOf(model));
      toast(t("models.deleted", { name: model.name }), { label: t("undo"), run: () => void attempt(() => post(`${pathOf(model)}/restore`)) });
    });
  return (
    <Card
      title={model.name}
      actions={
        <>
          {model.active.length > 0 ? <span class="badge good">{t("models.active")}</span> : null}
          {model.is_built_in ? <span class="badge">{t("models.built_in")}</span> : null}
          <Tick label={t("compare")} checked={compared} onChecked={onCompared} />
        </>
      }
    >
      <p class="quiet">{[taskName(model), model.architecture, storageText(model), model.made_from ? t("models.from", { name: model.made_from }) : ""].filter(Boolean).join(" · ")}</p>
      <dl class="tiles">
        <div>
          <dt>{t("models.size")}</dt>
          <dd>{bytes(model.file_bytes)}</dd>
        </div>
        <div>
          <dt>{t(model.task === "locate" ? "error.mean" : "accuracy")}</dt>
          <dd class={model.score ? "" : "text"}>{modelScore(model)}</dd>
        </div>
        {model.latency_ms != null ? (
          <div>
            <dt>{t("models.speed")}</dt>
            <dd>{milliseconds(model.latency_ms)}</dd>
          </div>
        ) : null}
      </dl>
      {model.task === "classify" && model.categories.length > 0 ? <p class="small quiet clip">{model.categories.slice(0, 12).join(", ")}{model.categories.length > 12 ? " …" : ""}</p> : null}
      {error ? <Failure error={error} /> : null}
      <div class="row">
        {model.active.length === 0 ? (
          <Button look="primary" onClick={() => void attempt(async () => {
            await post(`${pathOf(model)}/activate`);
            toast(t("models.activated", { name: model.name }));
          })}>
            {t("models.activate")}
          </Button>
        ) : null}
        <a class="button" href={hashOf("train", `results:${model.id}`)}>
          {t("models.judge")}
        </a>
        <Button icon="export" onClick={() => setDialog("export")}>
          {t("export")}
        </Button>
        {model.is_built_in ? null : (
          <>
            <Button look="plain" icon="edit" label={t("rename.model", { name: model.name })} onClick={() => setDialog("rename")} />
            <Button look="plain danger" icon="trash" label={t("delete.model", { name: model.name })} onClick={() => void bin()} />
          </>
        )}
      </div>
      {dialog === "export" ? <ExportDialog model={model} onClose={() => setDialog(null)} /> : null}
      {dialog === "rename" ? <RenameDialog model={model} onClose={() => setDialog(null)} /> : null}
    </Card>
  );
}

const formats = ["safetensors", "pth", "onnx"] as const;

function ExportDialog({ model, onClose }: { model: Model; onClose: () => void }) {
  return (
    <Dialog title={t("export.model", { name: model.name })} onClose={onClose}>
      <ul class="plain-list">
        {formats.map((format) => (
          <li key={format}>
            <a class="line" download href={`${base}${pathOf(model)}/file?format=${format}`}>
              <span class="grow">
                <b>{`.${format}`}</b>
                <small class="quiet">{t(`format.${format}`)}</small>
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function RenameDialog({ model, onClose }: { model: Model; onClose: () => void }) {
  const [name, setName] = useState(model.name);
  const [error, setError] = useState<unknown>(null);
  const save = async (event: Event) => {
    event.preventDefault();
    setError(null);
    try {
      await patch(pathOf(model), { name: name.trim() });
      onClose();
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <Dialog title={t("rename.model", { name: model.name })} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void save(event)}>
        <TextField label={t("train.name")} value={name} maxLength={64} onValue={setName} />
        {error ? <Failure error={error} /> : null}
        <div class="row end">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" look="primary" disabled={name.trim() === "" || name.trim() === model.name}>
            {t("rename")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function AddModel({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [share, setShare] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    if (!file) return;
    setError(null);
    try {
      setShare(0);
      const { upload: id } = await upload(file, file.name, setShare);
      await post<Model>("/models", { upload: id, name: name.trim() });
      toast(t("models.added", { name: name.trim() }));
      onClose();
    } catch (caught) {
      setError(caught);
    }
    setShare(null);
  };
  return (
    <Dialog title={t("models.add")} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void send(event)}>
        <p>{t("models.add.how")}</p>
        <div class="row">
          <Button icon="import" onClick={() => input.current?.click()}>
            {file ? file.name : t("models.file")}
          </Button>
          <input
            ref={input}
            hidden
            type="file"
            accept=".pth,.pt,.th,.safetensors"
            aria-label={t("models.file")}
            onChange={(event) => {
              const chosen = event.currentTarget.files?.[0] ?? null;
              setFile(chosen);
              if (chosen) setName(freeName(chosen.name.replace(/\.[^.]+$/, ""), taken));
            }}
          />
        </div>
        <TextField label={t("train.name")} value={name} maxLength={64} onValue={setName} />
        {share === null ? null : <Progress label={t("models.add")} share={share} />}
        {error ? <Failure error={error} /> : null}
        <div class="row end">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" look="primary" disabled={!file || name.trim() === "" || share !== null}>
            {t("add")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Comparison({ list }: { list: Model[] }) {
  const smallest = Math.min(...list.map((each) => each.file_bytes));
  const rows: [string, (model: Model) => string][] = [
    [t("task"), taskName],
    [t("architecture"), (model) => model.architecture],
    [t("models.storage"), storageText],
    [t("models.size"), (model) => bytes(model.file_bytes)],
    [t("models.times"), (model) => percent(model.file_bytes / smallest)],
    [t("score"), modelScore],
    [t("models.speed"), (model) => (model.latency_ms == null ? t("not_measured") : milliseconds(model.latency_ms))],
    [t("categories"), (model) => String(model.categories.length)],
  ];
  return (
    <Card title={t("models.compared")} actions={<a href={hashOf("compress", "side")}>{t("compress.side")}</a>}>
      <Scroll label={t("table_of", { what: t("models.compared") })}>
        <table>
          <caption class="sr-only">{t("models.compared")}</caption>
          <thead>
            <tr>
              <th scope="col">
                <span class="sr-only">{t("models.quantity")}</span>
              </th>
              {list.map((each) => (
                <th scope="col" key={each.id}>
                  {each.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, text]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {list.map((each) => (
                  <td key={each.id}>{text(each)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

// What was thrown away can be fetched back.
function Bin({ changed }: { changed: readonly Model[] }) {
  const [deleted, setDeleted] = useState<{ id: string }[]>([]);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    get<{ deleted?: { id: string }[] }>("/models").then((answer) => setDeleted(answer.deleted ?? []), () => {});
  }, [changed]);
  if (deleted.length === 0) return null;
  const fetchBack = async (id: string) => {
    setError(null);
    try {
      await post(`/models/${encodeURIComponent(id)}/restore`);
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <details>
      <summary>{t("models.bin", { n: deleted.length })}</summary>
      <ul class="plain-list">
        {deleted.map(({ id }) => (
          <li key={id} class="row between">
            <span>{id}</span>
            <Button icon="undo" onClick={() => void fetchBack(id)}>
              {t("models.restore")}
            </Button>
          </li>
        ))}
      </ul>
      {error ? <Failure error={error} /> : null}
    </details>
  );
}
