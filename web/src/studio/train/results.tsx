// How good a model is: judged on pictures that it did not learn from, with the pictures behind each number.
import { useMemo, useState } from "preact/hooks";
import { Scroll } from "../../charts/scroll";
import { post } from "../api/client";
import { jobs, models } from "../api/events";
import type { DatasetName, EvaluatedPicture, EvaluateRequest, Job, JobResult, Model } from "../api/types";
import { imageOf, thumbnailOf } from "../collect/samples";
import { percent, scoreText } from "../core/format";
import { useStore } from "../core/store";
import { number, t } from "../i18n/i18n";
import { Button, Select } from "../ui/controls";
import { Failure } from "../ui/failure";
import { Card, Dialog, Notice } from "../ui/surfaces";
import { indexOf, mostMistaken, picturesOf, within } from "./confusion";
import { JobPanel, useWholeJob } from "./job_panel";

const splits = ["held_out", "train", "all"] as const;
type Split = (typeof splits)[number];

const datasetOf = (model: Model): DatasetName => (model.task === "locate" ? "pointing" : "things");

export function Results({ wanted }: { wanted: string }) {
  const all = useStore(models);
  const list = useStore(jobs);
  const judged = list.filter((each) => each.kind === "evaluate");
  const [chosen, setChosen] = useState(wanted);
  const [split, setSplit] = useState<Split>("held_out");
  const [error, setError] = useState<unknown>(null);
  const latest = judged[0] ? (judged[0].request as EvaluateRequest).model : "";
  const model = all.find((each) => each.id === chosen) ?? all.find((each) => each.id === latest) ?? all.find((each) => !each.is_built_in) ?? all[0];
  const busy = list.some((each) => each.state === "running" && each.heavy !== false);
  const mine = judged.filter((each) => (each.request as EvaluateRequest).model === model?.id);
  const newest = mine[0];
  const judgement = mine.find((each) => each.state === "done" && (each.request as EvaluateRequest).split === split);
  const start = async () => {
    if (!model) return;
    setError(null);
    try {
      await post<Job>("/jobs", { kind: "evaluate", model: model.id, dataset: datasetOf(model), split });
    } catch (caught) {
      setError(caught);
    }
  };
  if (!model) return <p class="quiet">{t("models.none")}</p>;
  return (
    <>
      <Card title={t("results.title")}>
        <div class="row bottom">
          <div class="grow">
            <Select label={t("model")} value={model.id} options={all.map((each) => ({ value: each.id, label: each.name }))} onValue={setChosen} />
          </div>
          <div class="grow">
            <Select
              label={t("results.on")}
              value={split}
              options={splits.map((value) => ({ value, label: t(`split.${value}`) }))}
              onValue={(value) => setSplit(value as Split)}
            />
          </div>
          <Button look="primary" icon="play" disabled={busy} onClick={() => void start()}>
            {t("results.judge")}
          </Button>
        </div>
        {split !== "held_out" ? (
          <Notice kind="warn">
            <span>{t("results.seen")}</span>
          </Notice>
        ) : null}
        {error ? <Failure error={error} /> : null}
      </Card>
      {newest && newest.state !== "done" ? <JobPanel key={newest.id} job={newest} /> : null}
      {judgement ? <Judged key={judgement.id} job={judgement} model={model} /> : newest?.state === "running" ? null : <p class="quiet">{t("results.none")}</p>}
    </>
  );
}

function Judged({ job: brief, model }: { job: Job; model: Model }) {
  const job = useWholeJob(brief);
  const result = job.result;
  if (!result) return <p class="quiet">{t("opening")}</p>;
  const request = job.request as EvaluateRequest;
  return result.top1 != null ? <Named result={result} request={request} /> : <Located result={result} request={request} model={model} />;
}

interface JudgedProps {
  result: JobResult;
  request: EvaluateRequest;
}

function Named({ result, request }: JudgedProps) {
  const [cell, setCell] = useState<{ actual: number; predicted: number } | null>(null);
  const categories = result.categories ?? [];
  const confusion = result.confusion ?? [];
  const pictures = result.pictures ?? [];
  const images = result.images ?? pictures.length;
  const worst = mostMistaken(confusion);
  const largest = Math.max(1, ...confusion.flat());
  const behind = cell ? picturesOf(pictures, categories, cell.actual, cell.predicted) : [];
  return (
    <>
      <dl class="tiles">
        <div>
          <dt>{t("accuracy")}</dt>
          <dd>
            {scoreText("top1", result.top1 ?? 0)}
            <small>{t("results.right", { right: Math.round((result.top1 ?? 0) * images), n: images })}</small>
          </dd>
        </div>
        <div>
          <dt>{t("results.on")}</dt>
          <dd class="text">{t(`split.${request.split}`)}</dd>
        </div>
        <div>
          <dt>{t("results.worst")}</dt>
          <dd class="text">{worst ? t("results.mistaken", { actual: categories[worst.actual] ?? "", predicted: categories[worst.predicted] ?? "", n: worst.count }) : t("results.no_mistake")}</dd>
        </div>
      </dl>
      <Card title={t("confusion")}>
        <p class="quiet">{t("confusion.how")}</p>
        <Scroll label={t("table_of", { what: t("confusion") })}>
          <table class="confusion">
            <caption class="sr-only">{t("confusion.caption")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("confusion.corner")}</th>
                {categories.map((each) => (
                  <th scope="col" key={each}>
                    {each}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {confusion.map((row, actual) => (
                <tr key={categories[actual]}>
                  <th scope="row">{categories[actual]}</th>
                  {row.map((count, predicted) => (
                    <td key={predicted}>
                      <button
                        type="button"
                        class={`cell ${actual === predicted ? "right" : "wrong"} ${cell?.actual === actual && cell.predicted === predicted ? "chosen" : ""}`}
                        style={{ "--share": count === 0 ? 0 : 0.15 + (0.85 * count) / largest }}
                        disabled={count === 0}
                        aria-pressed={cell?.actual === actual && cell.predicted === predicted}
                        aria-label={t("confusion.cell", { actual: categories[actual] ?? "", predicted: categories[predicted] ?? "", n: count })}
                        onClick={() => setCell({ actual, predicted })}
                      >
                        {number(count)}
                      </button>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
        {cell ? (
          <>
            <div role="status">
              <h3>{t("confusion.behind", { actual: categories[cell.actual] ?? "", predicted: categories[cell.predicted] ?? "", n: behind.length })}</h3>
            </div>
            <Pictures dataset={request.dataset} pictures={behind} words={(each) => (each.probability == null ? "" : percent(each.probability))} />
          </>
        ) : null}
      </Card>
      <details>
        <summary>{t("results.each")}</summary>
        <PictureTable pictures={pictures} categories={categories} />
      </details>
    </>
  );
}

function PictureTable({ pictures, categories }: { pictures: EvaluatedPicture[]; categories: string[] }) {
  const nameOf = (category: EvaluatedPicture["actual"]) => categories[indexOf(category, categories)] ?? "–";
  return (
    <Scroll label={t("results.each")}>
      <table>
        <caption class="sr-only">{t("results.each")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("picture")}</th>
            <th scope="col">{t("confusion.actual")}</th>
            <th scope="col">{t("confusion.predicted")}</th>
            <th scope="col">{t("probability")}</th>
          </tr>
        </thead>
        <tbody>
          {pictures.slice(0, 500).map((each) => (
            <tr key={each.sample}>
              <th scope="row">{each.sample}</th>
              <td>{nameOf(each.actual)}</td>
              <td>{nameOf(each.predicted)}</td>
              <td>{each.probability == null ? "–" : percent(each.probability, 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const limits_px = [5, 10, 20, 40] as const;
const worstShown = 24;

function Located({ result, request }: JudgedProps & { model: Model }) {
  const pictures = useMemo(() => [...(result.pictures ?? [])].sort((a, b) => (b.error_px ?? 0) - (a.error_px ?? 0)), [result]);
  const errors = pictures.flatMap((each) => (each.error_px == null ? [] : [each.error_px]));
  const shares = within(errors, limits_px);
  const tile = (label: string, value: number | null | undefined) => (
    <div>
      <dt>{label}</dt>
      <dd>{value == null ? "–" : scoreText("mean_error_px", value)}</dd>
    </div>
  );
  return (
    <>
      <dl class="tiles">
        {tile(t("error.mean"), result.mean_error_px)}
        {tile(t("error.median"), result.median_error_px)}
        {tile(t("error.p95"), result.p95_error_px)}
        <div>
          <dt>{t("results.on")}</dt>
          <dd class="text">{t(`split.${request.split}`)}</dd>
        </div>
      </dl>
      {errors.length > 0 ? (
        <Card title={t("error.within")}>
          <Scroll label={t("table_of", { what: t("error.within") })}>
            <table>
              <caption class="sr-only">{t("error.within")}</caption>
              <thead>
                <tr>
                  <th scope="col">{t("error.limit")}</th>
                  {limits_px.map((limit) => (
                    <th scope="col" key={limit}>
                      {t("error.at", { px: limit })}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                <tr>
                  <th scope="row">{t("error.share")}</th>
                  {shares.map((share, index) => (
                    <td key={limits_px[index]}>{percent(share, 1)}</td>
                  ))}
                </tr>
              </tbody>
            </table>
          </Scroll>
        </Card>
      ) : null}
      {pictures.length > 0 ? (
        <Card title={t("error.worst")}>
          <Pictures dataset={request.dataset} pictures={pictures.slice(0, worstShown)} words={(each) => (each.error_px == null ? "" : scoreText("mean_error_px", each.error_px, 0))} />
        </Card>
      ) : null}
    </>
  );
}

interface PicturesProps {
  dataset: DatasetName;
  pictures: EvaluatedPicture[];
  words: (picture: EvaluatedPicture) => string;
}

function Pictures({ dataset, pictures, words }: PicturesProps) {
  const [large, setLarge] = useState<EvaluatedPicture | null>(null);
  return (
    <>
      <ul class="thumbnails">
        {pictures.map((each) => (
          <li key={each.sample}>
            <button type="button" class="thumbnail" aria-label={t("picture.open", { what: words(each) || each.sample })} onClick={() => setLarge(each)}>
              <img src={thumbnailOf(dataset, each.sample)} alt="" loading="lazy" width={160} height={120} />
              {words(each) ? <span class="corner text">{words(each)}</span> : null}
            </button>
          </li>
        ))}
      </ul>
      {large ? (
        <Dialog wide title={t("picture")} onClose={() => setLarge(null)}>
          <img class="large" src={imageOf(dataset, large.sample)} alt={t("picture.open", { what: words(large) })} />
        </Dialog>
      ) : null}
    </>
  );
}
