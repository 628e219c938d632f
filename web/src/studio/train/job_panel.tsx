// One job: how far it is, how long it will take, its curves, how it ended, and what can be done about it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { base, get, post, remove } from "../api/client";
import { addToCurve, curves, jobs } from "../api/events";
import type { EpochPoint, Job } from "../api/types";
import { announce, stepToTell } from "../core/announce";
import { percent, scoreText, significant, type ScoreKind } from "../core/format";
import { hashOf } from "../core/route";
import { useStore } from "../core/store";
import { Scroll } from "../../charts/scroll";
import { number, t } from "../i18n/i18n";
import { CurvePlot } from "../ui/charts";
import { Button } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Card, Notice, Progress } from "../ui/surfaces";
import { etaText, jobTitle } from "./job_words";

// The whole of a job: what the list leaves out is fetched once, and again when it ends.
export function useWholeJob(job: Job): Job {
  const [whole, setWhole] = useState<Job | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<Job>(`/jobs/${encodeURIComponent(job.id)}`, stop.signal).then(
      (answer) => {
        setWhole(answer);
        if (answer.curve) addToCurve(job.id, answer.curve);
      },
      () => {},
    );
    return () => stop.abort();
  }, [job.id, job.state]);
  return useMemo(() => (whole ? { ...whole, ...job, result: whole.result ?? job.result ?? null } : job), [whole, job]);
}

// Tells a screen reader the progress in steps of ten per cent, and the end.
function useTold(job: Job): void {
  const told = useRef<number | null>(null);
  const state = useRef(job.state);
  useEffect(() => {
    const share = job.progress?.share ?? 0;
    if (told.current === null) told.current = Math.floor(10 * share);
    const step = job.state === "running" ? stepToTell(told.current, share) : null;
    if (step !== null) {
      told.current = step;
      announce(t("job.told", { job: jobTitle(job), share: percent(step / 10) }));
    }
    if (state.current === "running" && job.state !== "running") announce(`${jobTitle(job)}: ${t(`job.state.${job.state}`)}`, job.state === "done" ? "polite" : "assertive");
    state.current = job.state;
  }, [job]);
}

export function JobPanel({ job: brief, quiet = false }: { job: Job; quiet?: boolean }) {
  const job = useWholeJob(brief);
  useTold(brief);
  const [error, setError] = useState<unknown>(null);
  const attempt = async (action: () => Promise<unknown>) => {
    setError(null);
    try {
      await action();
    } catch (caught) {
      setError(caught);
    }
  };
  const running = job.state === "running";
  const path = `/jobs/${encodeURIComponent(job.id)}`;
  const body = (
    <>
      {running ? (
        <>
          <Progress label={jobTitle(job)} share={job.progress?.share ?? null} />
          <p class="row between">
            <span lang="en">{[job.progress?.task, job.progress?.detail].filter(Boolean).join(": ")}</span>
            <b>{[job.progress?.share == null ? "" : percent(job.progress.share), etaText(job)].filter(Boolean).join(" · ")}</b>
          </p>
        </>
      ) : null}
      <Ending job={job} />
      <Curves job={job} />
      {error ? <Failure error={error} /> : null}
      <div class="row">
        {running ? (
          <Button icon="stop" onClick={() => void attempt(() => remove(path))}>
            {t("job.cancel")}
          </Button>
        ) : null}
        {job.can_resume && !running ? (
          <Button look="primary" icon="play" onClick={() => void attempt(() => post(`${path}/resume`))}>
            {t("job.resume")}
          </Button>
        ) : null}
        {job.state === "done" && job.model && (job.kind === "teach" || job.kind === "finetune") ? (
          <a class="button primary" href={hashOf("train", `results:${job.model}`)}>
            {t("job.judge")}
          </a>
        ) : null}
        {!running ? (
          <a class="button plain" href={`${base}${path}/log`} target="_blank" rel="noreferrer">
            {t("job.log")}
          </a>
        ) : null}
        {!running ? (
          <Button
            look="plain"
            onClick={() =>
              void attempt(async () => {
                await remove(path);
                jobs.update((list) => list.filter((each) => each.id !== job.id));
              })
            }
          >
            {t("job.forget")}
          </Button>
        ) : null}
      </div>
    </>
  );
  if (quiet) return <div class="stack">{body}</div>;
  return (
    <Card title={jobTitle(job)} actions={<span class={`badge ${badgeOf(job)}`}>{t(`job.state.${job.state}`)}</span>}>
      {body}
    </Card>
  );
}

const badgeOf = (job: Job) => ({ running: "accent", done: "good", failed: "bad", lost: "bad", cancelled: "" })[job.state];

function Ending({ job }: { job: Job }) {
  if (job.state === "running") return null;
  if (job.state === "done") {
    const last = scoreOf(job);
    return (
      <Notice kind="good">
        <b>{job.model ? t("job.made", { model: job.model }) : t("job.state.done")}</b>
        <span>{[last, etaText(job)].filter(Boolean).join(" · ")}</span>
      </Notice>
    );
  }
  if (job.state === "cancelled") return <Notice kind="info">{<span>{t("job.cancelled")}</span>}</Notice>;
  return (
    <Notice kind="bad">
      <b>{t(job.state === "lost" ? "job.lost" : "job.failed")}</b>
      {job.error ? <span lang="en">{job.error.message}</span> : null}
      {job.error?.remedy ? <span lang="en">{job.error.remedy}</span> : null}
      {job.can_resume ? <span>{t("job.can_resume")}</span> : null}
    </Notice>
  );
}

function scoreOf(job: Job): string {
  // The best epoch is what is kept.
  const scores = (curves.value[job.id] ?? []).flatMap((point) => point.held_out_score ?? []);
  if (scores.length > 0 && job.score) {
    const best = job.score === "top1" ? Math.max(...scores) : Math.min(...scores);
    return t("score.held_out", { score: scoreText(job.score, best) });
  }
  const result = job.result;
  if (result?.top1 != null) return t("score.held_out", { score: scoreText("top1", result.top1) });
  if (result?.mean_error_px != null) return t("score.held_out", { score: scoreText("mean_error_px", result.mean_error_px) });
  return "";
}

function Curves({ job }: { job: Job }) {
  const points = useStore(curves)[job.id] ?? noPoints;
  const kind: ScoreKind = job.score ?? "top1";
  const epochs = Math.max(points.at(-1)?.epochs ?? 0, points.at(-1)?.epoch ?? 0);
  const loss = useMemo(() => points.map((point) => ({ epoch: point.epoch, train: point.train_loss ?? null, held_out: point.held_out_loss ?? null })), [points]);
  const score = useMemo(() => points.map((point) => ({ epoch: point.epoch, train: point.train_score ?? null, held_out: point.held_out_score ?? null })), [points]);
  if (points.length < 2) return null;
  const last = points.at(-1)!;
  const scoreLabel = t(kind === "top1" ? "accuracy" : "error_px");
  const spoken = (name: string, train: string, held_out: string) => t("curve.label", { what: name, n: points.length, train, held_out });
  const shown = (value: number | null | undefined) => (value == null ? "–" : significant(value));
  const scored = (value: number | null | undefined) => (value == null ? "–" : scoreText(kind, value));
  const has = (name: "loss" | "score") => points.some((point) => (name === "loss" ? (point.train_loss ?? point.held_out_loss) : (point.train_score ?? point.held_out_score)) != null);
  return (
    <>
      <ul class="key" aria-label={t("curve.key")}>
        <li>
          <span class="swatch s1" aria-hidden="true" /> {t("curve.train")}
        </li>
        <li>
          <span class="swatch s2" aria-hidden="true" /> {t("curve.held_out")}
        </li>
      </ul>
      <div class="halves plots">
        {has("loss") ? (
          <CurvePlot label={spoken(t("loss"), shown(last.train_loss), shown(last.held_out_loss))} points={loss} epochs={epochs} valueLabel={t("loss")} epochLabel={t("epoch")} percent={false} />
        ) : null}
        {has("score") ? (
          <CurvePlot label={spoken(scoreLabel, scored(last.train_score), scored(last.held_out_score))} points={score} epochs={epochs} valueLabel={scoreLabel + (kind === "top1" ? " (%)" : "")} epochLabel={t("epoch")} percent={kind === "top1"} />
        ) : null}
      </div>
      <details>
        <summary>{t("as_table")}</summary>
        <CurveTable points={points} kind={kind} />
      </details>
    </>
  );
}

const noPoints: EpochPoint[] = [];

function CurveTable({ points, kind }: { points: EpochPoint[]; kind: ScoreKind }) {
  const shown = (value: number | null | undefined) => (value == null ? "–" : significant(value));
  const scored = (value: number | null | undefined) => (value == null ? "–" : scoreText(kind, value));
  return (
    <Scroll label={t("curve.table")}>
      <table>
        <caption class="sr-only">{t("curve.table")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("epoch")}</th>
            <th scope="col">{t("curve.loss.train")}</th>
            <th scope="col">{t("curve.loss.held_out")}</th>
            <th scope="col">{t("curve.score.train")}</th>
            <th scope="col">{t("curve.score.held_out")}</th>
          </tr>
        </thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.epoch}>
              <th scope="row">{number(point.epoch)}</th>
              <td>{shown(point.train_loss)}</td>
              <td>{shown(point.held_out_loss)}</td>
              <td>{scored(point.train_score)}</td>
              <td>{scored(point.held_out_score)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
