// Import: pictures, or a folder with a folder for each category, sent one by one as one step to undo;
// or a ZIP, which is sent whole and taken in by a job. And the way back: the dataset as a ZIP.
import { useEffect, useRef, useState } from "preact/hooks";
import { base, post, send, upload } from "../api/client";
import { jobs } from "../api/events";
import type { Dataset, Job } from "../api/types";
import { percent } from "../core/format";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { JobPanel } from "../train/job_panel";
import { Button } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Dialog, Notice, Progress } from "../ui/surfaces";
import { burstName } from "./burst";
import { sortFiles, type Wanted } from "./import_files";
import { nameOfCategory } from "./things";

interface ImportDialogProps {
  dataset: Dataset;
  // Where pictures without a folder of their own go; null for the pictures of fingertips.
  category: string | null;
  onClose: () => void;
}

type Step = { step: "choose" } | { step: "job"; id: string } | { step: "send"; pictures: number; share: number } | { step: "done"; added: number; skipped: string[] };

export function ImportDialog({ dataset, category, onClose }: ImportDialogProps) {
  const [state, setState] = useState<Step>({ step: "choose" });
  const [error, setError] = useState<unknown>(null);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const found = dataset.categories.find((each) => each.name === category);
  const where = found ? nameOfCategory(found) : (category ?? "");

  const take = async (list: FileList | null) => {
    if (!list || list.length === 0) return;
    setError(null);
    try {
      const { pictures, others } = await sortFiles([...list]);
      // An archive goes as one piece, whole or not at all; its tables tell categories and marks.
      if (list.length === 1 && /\.zip$/i.test(list[0]!.name)) {
        const sent = await upload(list[0]!, list[0]!.name, (share) => setState({ step: "send", pictures: pictures.length, share }));
        const own = pictures.some((each) => each.category !== null) || others.some((each) => each.endsWith(".csv"));
        const job = await post<Job>("/jobs", { kind: "import", dataset: dataset.name, upload: sent.upload, category: own || dataset.name !== "things" ? null : category });
        setState({ step: "job", id: job.id });
        return;
      }
      const told = (share: number) => setState({ step: "send", pictures: pictures.length, share });
      const refused = await sendPictures(dataset, category, pictures, told, stop.current.signal);
      setState({ step: "done", added: pictures.length - refused.length, skipped: [...refused, ...others] });
    } catch (caught) {
      setError(caught);
      setState({ step: "choose" });
    }
  };

  return (
    <Dialog title={t("import.title")} onClose={onClose}>
      {state.step === "choose" ? (
        <div
          class="drop"
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            void take(event.dataTransfer?.files ?? null);
          }}
        >
          <p>{dataset.name === "things" ? t("import.how", { category: where }) : t("import.how.pointing")}</p>
          <div class="row">
            <Button look="primary" icon="import" onClick={() => files.current?.click()}>
              {t("import.files")}
            </Button>
            <Button icon="import" onClick={() => folder.current?.click()}>
              {t("import.folder")}
            </Button>
          </div>
          <input ref={files} hidden type="file" multiple accept=".jpg,.jpeg,.png,.webp,.zip" aria-label={t("import.files")} onChange={(event) => void take(event.currentTarget.files)} />
          <input ref={folder} hidden type="file" multiple {...{ webkitdirectory: true }} aria-label={t("import.folder")} onChange={(event) => void take(event.currentTarget.files)} />
        </div>
      ) : null}
      {state.step === "send" ? (
        <>
          <p>{t("import.sending", { what: t("import.pictures", { n: state.pictures }), share: percent(state.share) })}</p>
          <Progress label={t("import.title")} share={state.share} />
        </>
      ) : null}
      {state.step === "job" ? <JobOf id={state.id} /> : null}
      {state.step === "done" ? (
        <Notice kind={state.skipped.length > 0 ? "warn" : "good"} alert>
          <b>{t("import.added", { n: state.added })}</b>
          {state.skipped.length > 0 ? <span>{t("import.skipped", { n: state.skipped.length, names: state.skipped.slice(0, 5).join(", ") })}</span> : null}
        </Notice>
      ) : null}
      {error ? <Failure error={error} /> : null}
      <div class="row end">
        <Button onClick={onClose}>{t(state.step === "send" ? "cancel" : "close")}</Button>
      </div>
    </Dialog>
  );
}

function JobOf({ id }: { id: string }) {
  const job = useStore(jobs).find((each) => each.id === id);
  return job ? <JobPanel job={job} quiet /> : null;
}

// The dataset as an archive, made by a job: the link stands there when it is ready.
export function ExportDataset({ dataset, onClose }: { dataset: Dataset; onClose: () => void }) {
  const [id, setId] = useState("");
  const [error, setError] = useState<unknown>(null);
  const job = useStore(jobs).find((each) => each.id === id);
  const start = async () => {
    setError(null);
    try {
      setId((await post<Job>("/jobs", { kind: "export", dataset: dataset.name })).id);
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <Dialog title={t("export.dataset")} onClose={onClose}>
      <p>{t("export.dataset.what", { n: dataset.samples })}</p>
      {job ? <JobPanel job={job} quiet /> : null}
      {error ? <Failure error={error} /> : null}
      <div class="row end">
        <Button onClick={onClose}>{t("close")}</Button>
        {job?.state === "done" ? (
          <a class="button primary" download href={`${base}/jobs/${encodeURIComponent(id)}/file`}>
            {t("export.dataset.save")}
          </a>
        ) : (
          <Button look="primary" icon="export" disabled={job?.state === "running"} onClick={() => void start()}>
            {t("export")}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

// One after the other: a picture is small, and the order of the folder is kept. Answers the names of
// those that could not be read, here or by the server.
async function sendPictures(dataset: Dataset, category: string | null, pictures: Wanted[], told: (share: number) => void, signal: AbortSignal): Promise<string[]> {
  const known = new Set(dataset.categories.map((each) => each.name));
  const burst = burstName();
  const refused: string[] = [];
  for (const [index, { name, type, category: own, open }] of pictures.entries()) {
    if (signal.aborted) break;
    told(index / pictures.length);
    const into = dataset.name === "things" ? (own ?? category) : null;
    try {
      if (into !== null && !known.has(into)) {
        await post(`/datasets/${dataset.name}/categories`, { name: into });
        known.add(into);
      }
      const query = new URLSearchParams({ burst, ...(into === null ? {} : { category: into }) });
      await send(`/datasets/${dataset.name}/pictures?${query}`, { method: "POST", body: await open(), headers: { "Content-Type": type } });
    } catch (caught) {
      if (pictures.length === 1) throw caught;
      refused.push(name);
    }
  }
  return refused;
}
