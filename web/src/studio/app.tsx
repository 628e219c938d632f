// The frame of the page: where one is, what is going on, and the view that was chosen.
import type { FunctionComponent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { connection, datasets, jobs, live, models, snapshot } from "./api/events";
import { CollectView } from "./collect/collect_view";
import { CompressView } from "./compress/compress_view";
import { assertive, polite } from "./core/announce";
import { percent } from "./core/format";
import { hashOf, route, views, type View } from "./core/route";
import { useStore } from "./core/store";
import type { Key } from "./i18n/en";
import { t, tongue } from "./i18n/i18n";
import { LiveView } from "./live/live_view";
import { ProjectMenu } from "./projects";
import { SettingsView } from "./settings/settings_view";
import { SignIn } from "./settings/sign_in";
import { TrainView } from "./train/train_view";
import { Icon, Mark } from "./ui/icons";
import { Toasts } from "./ui/surfaces";

const pages: Record<View, FunctionComponent<{ part: string }>> = {
  collect: CollectView,
  train: TrainView,
  live: LiveView,
  compress: CompressView,
  settings: SettingsView,
};

export function App() {
  const { language } = useStore(tongue);
  const state = useStore(connection);
  // A new language draws everything anew; nothing else is cheap to forget.
  return <div key={language}>{state === "signed-out" ? <SignIn /> : <Studio />}</div>;
}

function Studio() {
  const { view, part } = useStore(route);
  const known = useStore(snapshot);
  const Page = pages[view];
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}>
        {t("skip")}
      </a>
      <div class="shell">
        <Rail view={view} />
        <main class="content" id="main" tabIndex={-1}>
          <Lost />
          <Head view={view} />
          {known ? <Page key={`${known.project?.id}/${view}`} part={part} /> : <p class="quiet">{t("opening")}</p>}
        </main>
      </div>
      <Regions />
      <Toasts />
    </>
  );
}

function Rail({ view }: { view: View }) {
  return (
    <header class="rail">
      <div class="mark">
        <Mark />
        <span>deixis</span>
      </div>
      <nav aria-label={t("nav")}>
        <ul>
          {views.map((each) => (
            <li key={each}>
              <a href={hashOf(each)} {...(each === view ? { "aria-current": "page" as const } : {})}>
                <Icon name={each} />
                <span>
                  <b>{t(`view.${each}`)}</b>
                  <small>
                    <Hint view={each} />
                  </small>
                </span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </header>
  );
}

// One line below each name: how far along that part is.
function Hint({ view }: { view: View }) {
  const known = useStore(datasets);
  const list = useStore(jobs);
  const count = useStore(models).length;
  const running = useStore(live).running;
  const job = list.find((each) => each.state === "running" && each.heavy !== false);
  if (view === "collect") return <>{known ? t("pictures", { n: known.things.samples + known.pointing.samples }) : ""}</>;
  if (view === "train") {
    if (job && job.kind !== "compress" && job.kind !== "study") return <>{t("hint.running", { share: percent(job.progress?.share ?? 0) })}</>;
    return <>{t("models", { n: count })}</>;
  }
  if (view === "live") return <>{running ? t("hint.live") : t("hint.idle")}</>;
  if (view === "compress") {
    if (job?.kind === "compress") return <>{t("hint.running", { share: percent(job.progress?.share ?? 0) })}</>;
    return <>{t("hint.compress")}</>;
  }
  return <>{t("hint.settings")}</>;
}

function Head({ view }: { view: View }) {
  const title = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${t(`view.${view}`)} · ${t("title")}`;
    // The first view keeps the focus where the browser put it; later ones are read from their title.
    if (first.current) first.current = false;
    else title.current?.focus({ preventScroll: true });
    if (!first.current) scrollTo(0, 0);
  }, [view]);
  return (
    <div class="head">
      <h1 ref={title} tabIndex={-1}>
        {t(`view.${view}`)}
      </h1>
      <Running />
      <ProjectMenu />
    </div>
  );
}

// What is being worked on, from wherever one is.
function Running() {
  const job = useStore(jobs).find((each) => each.state === "running" && each.heavy !== false);
  if (!job) return null;
  const share = job.progress?.share ?? null;
  return (
    <a class="badge accent running" href={hashOf(job.kind === "compress" ? "compress" : "train", job.kind === "compress" ? "plans" : job.kind === "evaluate" ? "results" : "")}>
      {t(`job.${job.kind}` as Key)} {share === null ? "" : percent(share)}
    </a>
  );
}

function Lost() {
  const state = useStore(connection);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (state !== "lost") return setShown(false);
    // A moment's break mends itself unseen.
    const timer = setTimeout(() => setShown(true), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  return shown ? <div class="banner" role="alert">{t("lost")}</div> : null;
}

function Regions() {
  const calm = useStore(polite);
  const urgent = useStore(assertive);
  return (
    <div class="sr-only">
      <div role="status" aria-live="polite">
        <span key={calm.number}>{calm.text}</span>
      </div>
      <div role="alert" aria-live="assertive">
        <span key={urgent.number}>{urgent.text}</span>
      </div>
    </div>
  );
}
