// Trying plans: several values of K, with and without pruning, one after the other; or a search for
// what fits a size. Each is judged from the file it wrote. The table is the truth, the plots show it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Scroll } from "../../charts/scroll";
import type { TradeOffPoint } from "../../charts/trade_off";
import { get, post } from "../api/client";
import { datasets, jobs, models } from "../api/events";
import type { CompressRequest, DatasetName, Granularity, Model, Plan, Plans as PlanList } from "../api/types";
import { bytes, changeText, milliseconds, percent, scoreText } from "../core/format";
import { freeName } from "../core/names";
import { hashOf } from "../core/route";
import { useStore } from "../core/store";
import { number, t } from "../i18n/i18n";
import { JobPanel } from "../train/job_panel";
import { TradeOffPlot } from "../ui/charts";
import { Button, NumberField, Segments, Select, Switch, Tick } from "../ui/controls";
import { Failure, tellFailure } from "../ui/failure";
import { Card, Notice, toast } from "../ui/surfaces";
import { useLabModel } from "./choice";
import { addPlans, dropPlans, queue } from "./plan_queue";
import { kindOf, modelName, planName, plansOf, recommended, seriesOf, valueOf } from "./plan_words";

const offered = [2, 3, 4, 8, 16] as const;
const granularities = ["group", "row", "tensor"] as const;

export function Plans() {
  const [model, all, choose] = useLabModel((each) => each.made_by !== "compress");
  const list = useStore(jobs);
  const compressions = list.filter((each) => each.kind === "compress");
  const running = compressions.find((each) => each.state === "running");
  const broken = compressions[0] && ["failed", "lost"].includes(compressions[0].state) ? compressions[0] : undefined;
  const tried = usePlans(model, compressions.filter((each) => each.state === "done").length);
  if (!model) return <p class="quiet">{t("models.none")}</p>;
  return (
    <div class="columns lab">
      <div class="stack">
        {tried ? <Tried model={model} list={tried} /> : null}
      </div>
      <div class="stack">
        {running ?? broken ? <JobPanel key={(running ?? broken)!.id} job={(running ?? broken)!} /> : null}
        <Waiting />
        <TryForm key={model.id} model={model} models={all} onModel={choose} />
      </div>
    </div>
  );
}

// The plans tried on a model; read again when another compression has ended.
function usePlans(model: Model | undefined, ended: number): PlanList | null {
  const [list, setList] = useState<{ of: string; plans: PlanList } | null>(null);
  const id = model?.id;
  useEffect(() => {
    if (id === undefined) return;
    const stop = new AbortController();
    get<PlanList>(`/models/${encodeURIComponent(id)}/plans`, stop.signal).then((plans) => setList({ of: id, plans }), () => {});
    return () => stop.abort();
  }, [id, ended]);
  return list && list.of === id ? list.plans : null;
}

function Waiting() {
  const { waiting, error } = useStore(queue);
  return (
    <>
      {error ? <Failure error={error} /> : null}
      {waiting.length > 0 ? (
        <Notice kind="info">
          <span>{t("plans.waiting", { n: waiting.length, names: waiting.map(planName).join(", ") })}</span>
          <div>
            <Button icon="close" onClick={dropPlans}>
              {t("plans.drop")}
            </Button>
          </div>
        </Notice>
      ) : null}
    </>
  );
}

type Search = "plans" | "size" | "loss";

function TryForm({ model, models: list, onModel }: { model: Model; models: Model[]; onModel: (id: string) => void }) {
  const known = useStore(datasets);
  const taken = useStore(models).map((each) => each.name);
  const waiting = useStore(queue).waiting.map((each) => each.name);
  const [search, setSearch] = useState<Search>("plans");
  const [ticked, setTicked] = useState<readonly number[]>([2, 3, 8, 16]);
  const [both, setBoth] = useState(true);
  const [granularity, setGranularity] = useState<Granularity>("group");
  const [integers, setIntegers] = useState(false);
  const [measured, setMeasured] = useState(true);
  const [target_kb, setTarget] = useState(Math.max(1, Math.round(model.file_bytes / 8000)));
  const [drop, setDrop] = useState(1);

  const own: DatasetName = model.task === "locate" ? "pointing" : "things";
  const samples = known?.[own].samples ?? 0;
  const dataset = measured && samples > 0 ? own : null;
  const common = { kind: "compress" as const, model: model.id, dataset, activations: integers ? ("int8" as const) : null };
  const named = (plan: Omit<CompressRequest, "name">, others: readonly string[]): CompressRequest => ({ ...plan, name: freeName(modelName(model.name, plan), [...taken, ...waiting, ...others]) });
  const requests = (): CompressRequest[] => {
    if (search === "size") return [named({ ...common, target_bytes: 1000 * target_kb }, [])];
    if (search === "loss") return [named({ ...common, max_drop: drop }, [])];
    const made: CompressRequest[] = [];
    for (const plan of plansOf({ centroids: ticked, prune: both ? [false, true] : [false], granularity, activations: common.activations })) {
      made.push(named({ ...common, ...plan }, made.map((each) => each.name)));
    }
    return made;
  };
  const count = search === "plans" ? ticked.length * (both ? 2 : 1) : 1;
  return (
    <form
      class="card"
      aria-label={t("plans.try")}
      onSubmit={(event) => {
        event.preventDefault();
        addPlans(requests());
      }}
    >
      <h2>{t("plans.try")}</h2>
      <Select label={t("model")} value={model.id} options={list.map((each) => ({ value: each.id, label: `${each.name} · ${bytes(each.file_bytes)}` }))} onValue={onModel} />
      <Segments<Search>
        label={t("plans.search")}
        value={search}
        options={(["plans", "size", "loss"] as const).map((value) => ({ value, label: t(`plans.search.${value}`) }))}
        onValue={setSearch}
      />
      {search === "plans" ? (
        <>
          <fieldset class="field">
            <legend class="legend">{t("plans.centroids")}</legend>
            <div class="choices">
              {offered.map((k) => (
                <Tick key={k} label={`K=${k}`} checked={ticked.includes(k)} onChecked={(on) => setTicked(on ? [...ticked, k] : ticked.filter((each) => each !== k))} />
              ))}
            </div>
          </fieldset>
          <Switch label={t("plans.prune")} checked={both} onChecked={setBoth} />
          <Select label={t("inside.granularity")} value={granularity} options={granularities.map((value) => ({ value, label: t(`granularity.${value}.what`) }))} onValue={(value) => setGranularity(value as Granularity)} />
        </>
      ) : null}
      {search === "size" ? <NumberField label={t("plans.size")} hint={t("plans.size.what", { now: bytes(model.file_bytes) })} value={target_kb} min={1} max={10_000_000} onValue={setTarget} /> : null}
      {search === "loss" ? <NumberField label={t("plans.loss")} hint={t("plans.loss.what")} value={drop} min={0} max={100} step="any" onValue={setDrop} /> : null}
      <Switch label={t("plans.int8")} checked={integers} onChecked={setIntegers} />
      <Switch label={t("plans.measure", { n: samples })} checked={measured && samples > 0} disabled={samples === 0} onChecked={setMeasured} />
      {dataset === null ? <p class="quiet small">{t("plans.unmeasured")}</p> : null}
      <div class="row">
        <Button type="submit" look="primary" icon="play" disabled={count === 0 || (search === "loss" && dataset === null)}>
          {t("plans.start", { n: count })}
        </Button>
      </div>
    </form>
  );
}

const colours = ["var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)", "var(--series-5)", "var(--series-6)"];

function Tried({ model, list }: { model: Model; list: PlanList }) {
  const { plans } = list;
  // Its own score where that was of the same pictures.
  const baseline = { ...list.baseline, score: plans.find((each) => each.score_before)?.score_before ?? list.baseline.score };
  const kind = kindOf(baseline.score ?? plans.find((each) => each.score != null)?.score, model.task);
  const before = valueOf(baseline.score);
  const best = recommended(plans, before, kind);
  const scoreName = t(kind === "top1" ? "accuracy" : "error.mean");
  const points = useMemo(() => pointsOf(plans), [list]);
  const scale = useMemo(() => {
    const domain = [...new Set(points.map((point) => point.series))];
    return { domain, range: domain.map((_, index) => colours[index % colours.length]!) };
  }, [points]);
  const timed = points.flatMap(({ ms, ...point }) => (ms === null ? [] : [{ ...point, cost: ms }]));
  const plot = (drawn: TradeOffPoint[], costLabel: string) => (
    <TradeOffPlot
      label={t("plans.plot", { score: scoreName, cost: costLabel, n: drawn.length })}
      points={drawn}
      baseline={before ?? 0}
      scoreLabel={scoreName + (kind === "top1" ? " (%)" : " (px)")}
      costLabel={costLabel}
      percent={kind === "top1"}
      colours={scale}
    />
  );
  if (plans.length === 0) {
    return (
      <Card title={t("plans.tried", { model: model.name })}>
        <p class="quiet empty">{t("plans.none")}</p>
      </Card>
    );
  }
  return (
    <>
      {best ? (
        <Notice kind="good">
          <b>{t("plans.best", { plan: planName(best), size: bytes(best.file_bytes), times: number(baseline.file_bytes / best.file_bytes, undefined, 1) })}</b>
          <span>{t("plans.best.why", { score: scoreText(kind, valueOf(best.score)!), before: scoreText(kind, before!) })}</span>
        </Notice>
      ) : null}
      <Card title={t("plans.tried", { model: model.name })}>
        {points.length > 0 ? (
          <>
            <ul class="key" aria-label={t("plans.series")}>
              {scale.domain.map((series, index) => (
                <li key={series}>
                  <span class={`swatch s${index + 1}`} aria-hidden="true" /> {series}
                </li>
              ))}
            </ul>
            <div class="halves plots">
              {plot(points, t("plans.bytes"))}
              {timed.length > 0 ? plot(timed, t("plans.ms")) : null}
            </div>
          </>
        ) : (
          <p class="quiet">{t("plans.unplotted")}</p>
        )}
        <PlanTable baseline={baseline} plans={plans} kind={kind} best={best} />
      </Card>
    </>
  );
}

type TimedPoint = TradeOffPoint & { ms: number | null };

function pointsOf(plans: readonly Plan[]): TimedPoint[] {
  return plans.flatMap((plan) => {
    const score = valueOf(plan.score);
    return score === null ? [] : [{ series: seriesOf(plan), name: plan.centroids ? `K=${plan.centroids}` : "int8", cost: plan.file_bytes, score, ms: plan.latency_ms ?? null }];
  });
}

interface PlanTableProps {
  baseline: Plan;
  plans: Plan[];
  kind: "top1" | "mean_error_px";
  best: Plan | null;
}

function PlanTable({ baseline, plans, kind, best }: PlanTableProps) {
  const all = useStore(models);
  const before = valueOf(baseline.score);
  const deploy = async (id: string) => {
    try {
      await post(`/models/${encodeURIComponent(id)}/activate`);
      toast(t("models.activated", { name: id }));
    } catch (error) {
      tellFailure(error);
    }
  };
  const scored = (plan: Plan) => {
    const value = valueOf(plan.score);
    return value === null ? t("not_measured") : scoreText(kind, value);
  };
  const change = (plan: Plan) => {
    const value = valueOf(plan.score);
    return value === null || before === null ? "–" : changeText(kind, value, before);
  };
  return (
    <Scroll label={t("plans.table")}>
      <table>
        <caption class="sr-only">{t("plans.table")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("plan")}</th>
            <th scope="col">{t(kind === "top1" ? "accuracy" : "error.mean")}</th>
            <th scope="col">{t("plans.change")}</th>
            <th scope="col">{t("plans.file")}</th>
            <th scope="col">{t("models.speed")}</th>
            <th scope="col">{t("plans.use")}</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">{t("plans.baseline")}</th>
            <td>{scored(baseline)}</td>
            <td>–</td>
            <td>{bytes(baseline.file_bytes)}</td>
            <td>{baseline.latency_ms == null ? "–" : milliseconds(baseline.latency_ms)}</td>
            <td />
          </tr>
          {[...plans]
            .sort((a, b) => b.file_bytes - a.file_bytes)
            .map((plan) => {
              const model = all.find((each) => each.id === plan.model);
              return (
                <tr key={plan.job ?? plan.model} class={plan === best ? "chosen" : ""}>
                  <th scope="row">
                    {planName(plan)}
                    {plan.granularity && plan.granularity !== "group" ? ` · ${t(`granularity.${plan.granularity}`)}` : ""}
                  </th>
                  <td>{scored(plan)}</td>
                  <td>{change(plan)}</td>
                  <td>
                    {bytes(plan.file_bytes)} <small class="quiet">{percent(plan.file_bytes / baseline.file_bytes)}</small>
                  </td>
                  <td>{plan.latency_ms == null ? "–" : milliseconds(plan.latency_ms)}</td>
                  <td>
                    {!model ? (
                      "–"
                    ) : model.active.length > 0 ? (
                      <span class="badge good">{t("models.active")}</span>
                    ) : (
                      <Button look="plain" aria-label={t("plans.deploy.of", { plan: planName(plan) })} onClick={() => void deploy(model.id)}>
                        {t("plans.deploy")}
                      </Button>
                    )}
                  </td>
                </tr>
              );
            })}
        </tbody>
      </table>
      <p class="quiet small">
        {t("plans.side")} <a href={hashOf("compress", "side")}>{t("compress.side")}</a>
      </p>
    </Scroll>
  );
}
