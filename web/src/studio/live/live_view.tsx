// Live: what the device sees, what it takes it for, how sure it is, and what it would say.
import { useEffect, useRef, useState } from "preact/hooks";
import { post, put, remove } from "../api/client";
import { live, look as looks, models, snapshot } from "../api/events";
import type { DecisionState, Live, LiveEvent, Model } from "../api/types";
import { CameraMenu } from "../collect/camera_menu";
import { announce } from "../core/announce";
import { milliseconds, percent } from "../core/format";
import { hashOf } from "../core/route";
import { Store, useStore } from "../core/store";
import { isKey, t } from "../i18n/i18n";
import { Button, Select, Switch } from "../ui/controls";
import { Failure } from "../ui/failure";
import { CameraStage } from "../ui/stage";
import { Card, Notice, Progress } from "../ui/surfaces";
import { Likelihoods } from "./likelihood";
import { LiveStage, LookShapes } from "./live_stage";

const none = "\n";

export async function changeLive(change: Partial<Live>): Promise<void> {
  live.set(await put<Live>("/live", change));
}

export function LiveView() {
  const state = useStore(live);
  const [error, setError] = useState<unknown>(null);
  const attempt = async (action: () => Promise<void>) => {
    setError(null);
    try {
      await action();
    } catch (caught) {
      setError(caught);
    }
  };
  const start = () => attempt(() => changeLive({ ...wishes.value, running: true, compare: null }));
  // While nothing is watched a choice is kept for when it is.
  const choose = (change: Wishes) =>
    attempt(async () => {
      wishes.update((before) => ({ ...before, ...change }));
      if (state.running) await changeLive(change);
    });
  const stop = () =>
    attempt(async () => {
      await remove("/live");
      live.set({ ...state, running: false });
      looks.set(null);
    });
  // Without a pointer there is no finger to wait for, and nothing is decided or said by itself.
  const wholePicture = state.running && !state.pointer;
  return (
    <div class="columns watching">
      <div class="stack picture">
        {state.running ? (
          <LiveStage label={t("live.picture")} draw={(look, size) => <LookShapes look={look} size={size} />} over={<Caption />} />
        ) : (
          <CameraStage label={t("camera.picture")} />
        )}
        <div class="row">
          {state.running ? (
            <>
              <Button look="point" icon="stop" onClick={() => void stop()}>
                {t("live.stop")}
              </Button>
              <Button icon="speak" onClick={() => void attempt(() => post("/live/ask"))}>
                {t("live.ask")}
              </Button>
            </>
          ) : (
            <Button look="primary" icon="play" onClick={() => void start()}>
              {t("live.start")}
            </Button>
          )}
          <Speak onChange={(speak) => void choose({ speak })} />
        </div>
        {error ? <Failure error={error} /> : null}
        {state.error ? (
          <Notice kind="bad" alert>
            <span lang="en">{state.error}</span>
          </Notice>
        ) : null}
      </div>
      <Choice state={state} onChange={(change) => void choose(change)} />
      <div class="stack seen">
        {wholePicture ? null : <Decision />}
        <Likely />
        <Stages />
        {wholePicture ? null : <Spoken />}
      </div>
    </div>
  );
}

// What was chosen here; a model that was not is the one in use.
type Wishes = Partial<Pick<Live, "pointer" | "objects" | "speak">>;
const wishes = new Store<Wishes>({});

function Speak({ onChange }: { onChange: (speak: boolean) => void }) {
  const { running, speak: speaks } = useStore(live);
  const wish = useStore(wishes).speak;
  const speak = running ? speaks : (wish ?? speaks);
  const audio = useStore(snapshot)?.audio?.available !== false;
  return (
    <>
      <Switch label={t("live.speak")} checked={speak} disabled={!audio && !speak} onChecked={onChange} />
      {audio ? null : <span class="quiet small">{t("live.no_sound")}</span>}
    </>
  );
}

const steps: DecisionState[] = ["no-finger", "seeking", "locked", "settled"];

// The four states a decision goes through, the one it is in marked.
function Decision() {
  const look = useStore(looks);
  const { running, state: known } = useStore(live);
  const state = look?.state ?? known ?? "no-finger";
  return (
    <Card title={t("live.decision")}>
      <ol class="steps">
        {steps.map((each) => (
          <li key={each} class={running && each === state ? "now" : ""} {...(running && each === state ? { "aria-current": "step" as const } : {})}>
            {t(`state.${each}`)}
          </li>
        ))}
      </ol>
      <Progress label={t("live.dwell")} share={running ? (look?.dwell ?? 0) : 0} full={look?.dwell === 1} />
      <p class="quiet small">
        {running && look ? (look.fault ? t(`fault.${look.fault}`) : look.presence == null ? t(`state.${state}.what`) : t("live.presence", { share: percent(look.presence) })) : t("live.off")}
      </p>
    </Card>
  );
}

function Likely() {
  const look = useStore(looks);
  const { labels } = useStore(live);
  if (!labels || labels.length === 0) return null;
  const seen = look && look.probabilities.length > 0;
  return (
    <Card title={t("live.likely")}>
      {seen ? <Likelihoods labels={labels} probabilities={look.probabilities} /> : <p class="quiet">{t("live.nothing_seen")}</p>}
      {look?.unknown ? <p class="quiet">{t("live.unknown")}</p> : null}
    </Card>
  );
}

interface Said extends LiveEvent {
  number: number;
  at: string;
}

const saidKept = 12;
const captionMs = 3000;

// What was said, or would have been: the newest first, and told to a screen reader once.
function Spoken() {
  const [list, setList] = useState<Said[]>([]);
  const last = useRef(0);
  useEffect(
    () =>
      looks.watch((look) => {
        for (const event of look?.events ?? []) {
          const words = phraseOf(event);
          if (!words) continue;
          announce(words);
          setList((before) => [{ ...event, number: ++last.current, at: new Date().toLocaleTimeString() }, ...before].slice(0, saidKept));
        }
      }),
    [],
  );
  const { speak } = useStore(live);
  return (
    <Card title={t(speak ? "live.said" : "live.would_say")}>
      {list.length === 0 ? <p class="quiet">{t("live.silent")}</p> : null}
      <ol class="said">
        {list.map((event) => (
          <li key={event.number}>
            <b>{phraseOf(event)}</b>
            <span class="quiet small">
              {event.probability == null ? "" : percent(event.probability)} {event.at}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

// The latest words over the picture, for as long as they would be heard.
function Caption() {
  const [words, setWords] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const forget = looks.watch((look) => {
      const said = look?.events?.map(phraseOf).find((each) => each !== "");
      if (!said) return;
      clearTimeout(timer);
      setWords(said);
      timer = setTimeout(() => setWords(""), captionMs);
    });
    return () => {
      clearTimeout(timer);
      forget();
    };
  }, []);
  return words ? (
    <div class="caption" aria-hidden="true">
      <b>{words}</b>
    </div>
  ) : null;
}

// The words that the voice has for it; for an event that is a tone alone, what the tone means.
function phraseOf(event: LiveEvent): string {
  if (event.phrase) return event.phrase;
  const key = `event.${event.kind}`;
  return isKey(key) ? t(key) : "";
}

function Stages() {
  const look = useStore(looks);
  const state = useStore(live);
  const ms = look?.ms;
  if (!ms) return null;
  const { pointer, objects } = state;
  const rows: [string, number | null | undefined][] = [
    ...(pointer ? [[t("stage.pointer"), ms.pointer] as [string, number | null | undefined]] : []),
    ...(objects ? [[t("stage.objects"), ms.objects] as [string, number | null | undefined]] : []),
    [t("stage.total"), ms.total],
  ];
  const most = Math.max(1, ms.total ?? 0);
  return (
    <Card title={t("live.stages")}>
      <ul class="likely" aria-label={t("live.stages")}>
        {rows.map(([name, value]) => (
          <li key={name}>
            <span class="name">{name}</span>
            <span class="track" aria-hidden="true">
              <i style={{ width: `${(100 * (value ?? 0)) / most}%` }} />
            </span>
            <span class="figure-text">{value == null ? "–" : milliseconds(value)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Choice({ state, onChange }: { state: Live; onChange: (change: Wishes) => void }) {
  const all = useStore(models);
  const wish = useStore(wishes);
  const inUse = (role: "pointer" | "objects") => all.find((each) => each.active.includes(role));
  const active = (role: "pointer" | "objects") => inUse(role)?.name ?? t("none");
  const of = (task: Model["task"], without: string) => [
    ...all.filter((each) => each.task === task).map((each) => ({ value: each.id, label: each.name })),
    { value: none, label: without },
  ];
  const value = (role: "pointer" | "objects") => (state.running ? state[role] : wish[role] === undefined ? inUse(role)?.id : wish[role]) ?? none;
  return (
    <Card title={t("live.models")} actions={<a href={hashOf("train", "models")}>{t("train.models")}</a>}>
      <p class="quiet small">{t("live.active", { pointer: active("pointer"), objects: active("objects") })}</p>
      <div class="halves">
        <Select label={t("live.pointer")} value={value("pointer")} options={of("locate", t("live.no_pointer"))} onValue={(id) => onChange({ pointer: id === none ? null : id })} />
        <Select label={t("live.objects")} value={value("objects")} options={of("classify", t("live.no_objects"))} onValue={(id) => onChange({ objects: id === none ? null : id })} />
        <CameraMenu />
      </div>
    </Card>
  );
}
