// Two models on the same frames of the same camera: do they still agree, and what does each take?
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { post } from "../api/client";
import { live, look as looks, models } from "../api/events";
import type { Look, Model } from "../api/types";
import { bytes, milliseconds, percent } from "../core/format";
import { useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Likelihoods } from "../live/likelihood";
import { LiveStage, LookShapes } from "../live/live_stage";
import { changeLive } from "../live/live_view";
import { modelScore, storageText } from "../train/models";
import { Button, Select } from "../ui/controls";
import { Failure, tellFailure } from "../ui/failure";
import { CameraStage } from "../ui/stage";
import { Card, toast } from "../ui/surfaces";
import { isDense } from "./choice";

interface Tally {
  frames: number;
  agree: number;
}

const bestOf = (probabilities: readonly number[] | undefined) => (probabilities && probabilities.length > 0 ? probabilities.indexOf(Math.max(...probabilities)) : -1);

// Whether the two say the same of a frame; null when one of them says nothing. Dots agree within
// five hundredths of the picture.
export function agreement(look: Pick<Look, "probabilities" | "tip" | "compare">, labels: readonly string[], task: Model["task"]): boolean | null {
  const other = look.compare;
  if (!other) return null;
  if (task === "locate") return look.tip && other.tip ? Math.hypot(look.tip.x - other.tip.x, look.tip.y - other.tip.y) <= 0.05 : null;
  const mine = bestOf(look.probabilities);
  const theirs = bestOf(other.probabilities);
  if (mine < 0 || theirs < 0) return null;
  return (labels[mine] ?? mine) === ((other.labels ?? labels)[theirs] ?? theirs);
}

export function Side() {
  const all = useStore(models);
  const state = useStore(live);
  const look = useStore(looks);
  const small = all.filter((each) => !isDense(each));
  const [firstId, setFirst] = useState("");
  const [secondId, setSecond] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [tally, setTally] = useState<Tally>({ frames: 0, agree: 0 });
  const second = all.find((each) => each.id === secondId) ?? small[0];
  const first = all.find((each) => each.id === firstId) ?? all.find((each) => each.id === second?.made_from) ?? all.find((each) => each.id !== second?.id && each.task === second?.task) ?? all[0];
  const rivals = all.filter((each) => each.task === first?.task && each.id !== first?.id);
  const other = rivals.find((each) => each.id === second?.id) ?? rivals[0];
  const running = state.running && state.compare !== null;
  const attempt = async (action: () => Promise<void>) => {
    setError(null);
    try {
      await action();
    } catch (caught) {
      setError(caught);
    }
  };
  const start = () =>
    attempt(async () => {
      if (!first || !other) return;
      setTally({ frames: 0, agree: 0 });
      const locates = first.task === "locate";
      await changeLive({ running: true, ...(locates ? { pointer: first.id, objects: null } : { objects: first.id }), compare: other.id, speak: false });
    });
  const stop = () => attempt(() => changeLive({ running: false }));
  const labels = state.labels ?? [];
  const task = first?.task ?? "classify";
  const count = (seen: Look) => {
    const same = agreement(seen, labels, task);
    if (same !== null) setTally((before) => ({ frames: before.frames + 1, agree: before.agree + (same ? 1 : 0) }));
  };
  if (all.length < 2 || !first || !other) return <p class="quiet">{t("side.need")}</p>;
  const compared = look?.compare;
  const comparedMs = typeof compared?.ms === "number" ? compared.ms : compared?.ms?.total;
  const firstMs = (task === "locate" ? look?.ms?.pointer : look?.ms?.objects) ?? undefined;
  return (
    <>
      <Card title={t("side.title")}>
        <p class="quiet">{t("side.what")}</p>
        <div class="row bottom">
          <div class="grow">
            <Select label={t("side.first")} value={first.id} disabled={running} options={all.map((each) => ({ value: each.id, label: each.name }))} onValue={setFirst} />
          </div>
          <div class="grow">
            <Select label={t("side.second")} value={other.id} disabled={running} options={rivals.map((each) => ({ value: each.id, label: each.name }))} onValue={setSecond} />
          </div>
          {running ? (
            <Button look="point" icon="stop" onClick={() => void stop()}>
              {t("live.stop")}
            </Button>
          ) : (
            <Button look="primary" icon="play" onClick={() => void start()}>
              {t("live.start")}
            </Button>
          )}
        </div>
        {error ? <Failure error={error} /> : null}
        {running ? (
          <p role="status">
            <b>{tally.frames === 0 ? t("side.none_yet") : t("side.agree", { share: percent(tally.agree / tally.frames), n: tally.frames })}</b>
          </p>
        ) : null}
      </Card>
      {running ? (
        <div class="halves sides">
          <Half model={first} ms={firstMs}>
            <LiveStage label={t("side.picture", { model: first.name })} draw={(seen, size) => <LookShapes look={seen} size={size} />} onLook={count} />
            <Likelihoods labels={labels} probabilities={look?.probabilities ?? []} />
          </Half>
          <Half model={other} ms={comparedMs}>
            <LiveStage label={t("side.picture", { model: other.name })} draw={(seen, size) => <LookShapes look={seen} size={size} second={task === "locate"} />} />
            <Likelihoods labels={compared?.labels ?? labels} probabilities={compared?.probabilities ?? []} />
          </Half>
        </div>
      ) : (
        <CameraStage label={t("camera.picture")} />
      )}
    </>
  );
}

function Half({ model, ms, children }: { model: Model; ms: number | undefined; children: ComponentChildren }) {
  const deploy = async () => {
    try {
      await post(`/models/${encodeURIComponent(model.id)}/activate`);
      toast(t("models.activated", { name: model.name }));
    } catch (error) {
      tellFailure(error);
    }
  };
  return (
    <Card
      title={model.name}
      actions={
        model.active.length > 0 ? (
          <span class="badge good">{t("models.active")}</span>
        ) : (
          <Button onClick={() => void deploy()}>{t("plans.deploy")}</Button>
        )
      }
    >
      <p class="quiet">{[storageText(model), bytes(model.file_bytes), modelScore(model), ms === undefined ? "" : milliseconds(ms)].filter(Boolean).join(" · ")}</p>
      {children}
    </Card>
  );
}
