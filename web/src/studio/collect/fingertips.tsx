// Fingertips: freeze the picture, mark tip and knuckle, or say that there is no finger. A frozen
// frame is pinned at the server, so however long it takes, that frame is what is saved.
import { useCallback, useRef, useState } from "preact/hooks";
import { get, patch, post, put, remove } from "../api/client";
import type { Dataset, Sample } from "../api/types";
import type { Shown } from "../api/video";
import { announce } from "../core/announce";
import { useKeys } from "../core/keys";
import { t } from "../i18n/i18n";
import { Button } from "../ui/controls";
import { Failure, tellFailure } from "../ui/failure";
import { CameraStage, type Size } from "../ui/stage";
import { Card, toast } from "../ui/surfaces";
import { AdviceList } from "./advice";
import { CameraMenu } from "./camera_menu";
import { undo } from "./collect_view";
import { ExportDataset, ImportDialog } from "./import_dialog";
import { MarkPad, MarkShapes } from "./mark_pad";
import { marksOf, pointsOf, spread, type Marks } from "./points";
import { imageOf, thumbnailOf, useSamples } from "./samples";
import { UndoButton } from "./things";

interface Frozen {
  picture: ImageBitmap;
  size: Size;
  marks: Marks;
  // One of the two: a frame that is not saved yet, or a sample that is marked again.
  frame_id?: number;
  sample?: string;
}

const pinOf = (frame_id: number) => `/camera/frames/${frame_id}/pin`;

export function Fingertips({ dataset }: { dataset: Dataset }) {
  const [frozen, setFrozen] = useState<Frozen | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [importing, setImporting] = useState(false);
  const [exporting, setExporting] = useState(false);
  const wanted = useRef(false);
  const all = useSamples(dataset, "");

  const letGo = useCallback(() => {
    setFrozen((before) => {
      before?.picture.close();
      if (before?.frame_id !== undefined) void remove(pinOf(before.frame_id)).catch(() => {});
      return null;
    });
  }, []);
  const freeze = () => {
    wanted.current = true;
  };
  // The frame that is on the screen when the freeze is taken is the one that is pinned.
  const onFrame = useCallback((frame: Shown) => {
    if (!wanted.current) return false;
    wanted.current = false;
    setError(null);
    put(pinOf(frame.frame_id)).then(
      () => announce(t("frozen")),
      (caught: unknown) => setError(caught),
    );
    setFrozen({ picture: frame.picture, size: { width: frame.width_px, height: frame.height_px }, marks: {}, frame_id: frame.frame_id });
    return true;
  }, []);
  const open = async (sample: Sample) => {
    setError(null);
    try {
      const response = await fetch(imageOf("pointing", sample.id));
      const picture = await createImageBitmap(await response.blob());
      letGo();
      setFrozen({ picture, size: { width: sample.width_px, height: sample.height_px }, marks: marksOf(sample.points), sample: sample.id });
      scrollTo({ top: 0 });
    } catch (caught) {
      setError(caught);
    }
  };
  const openUnmarked = async () => {
    const { samples } = await get<{ samples: Sample[] }>("/datasets/pointing/samples?unmarked=true&limit=1");
    if (samples[0]) await open(samples[0]);
  };
  const keep = async (present: boolean, marks: Marks): Promise<boolean> => {
    if (!frozen) return false;
    const body = { present, points: present ? pointsOf(marks) : [] };
    try {
      if (frozen.sample !== undefined) await patch(`/datasets/pointing/samples/${encodeURIComponent(frozen.sample)}`, body);
      else await post("/datasets/pointing/samples", { frame_id: frozen.frame_id, ...body });
      toast(t(present ? "mark.saved" : "mark.saved.none"), { label: t("undo"), run: () => void undo("pointing") });
      const next = frozen.sample !== undefined;
      letGo();
      if (next) await openUnmarked();
      return true;
    } catch (caught) {
      setError(caught);
      return false;
    }
  };
  useKeys(frozen ? {} : { f: freeze });

  return (
    <>
      <div class="columns">
        <div class="stack">
          {frozen ? (
            <MarkPad
              key={frozen.sample ?? frozen.frame_id}
              picture={frozen.picture}
              size={frozen.size}
              initial={frozen.marks}
              onSave={(marks) => keep(true, marks)}
              onNone={() => keep(false, {})}
              onBack={letGo}
            />
          ) : (
            <>
              <CameraStage label={t("camera.picture")} onFrame={onFrame} />
              <Button look="point" class="shutter" icon="freeze" onClick={freeze}>
                <span>
                  {t("freeze")}
                  <small>{t("freeze.key")}</small>
                </span>
              </Button>
            </>
          )}
          {error ? <Failure error={error} /> : null}
        </div>
        <div class="stack">
          <Coverage dataset={dataset} samples={all.samples} />
          <div class="row">
            {(dataset.unmarked ?? 0) > 0 ? (
              <Button look="primary" icon="finger" onClick={() => void openUnmarked().catch(setError)}>
                {t("mark.next", { n: dataset.unmarked ?? 0 })}
              </Button>
            ) : null}
            <Button icon="import" onClick={() => setImporting(true)}>
              {t("import")}
            </Button>
            <Button icon="export" label={t("export.dataset")} disabled={dataset.samples === 0} onClick={() => setExporting(true)} />
            <UndoButton dataset={dataset} />
          </div>
          <AdviceList dataset={dataset} />
          {frozen ? null : <CameraMenu />}
        </div>
      </div>
      <Marked dataset={dataset} samples={all.samples} total={all.total} more={all.more} onOpen={(sample) => void open(sample)} />
      {exporting ? <ExportDataset dataset={dataset} onClose={() => setExporting(false)} /> : null}
      {importing ? <ImportDialog dataset={dataset} category={null} onClose={() => setImporting(false)} /> : null}
    </>
  );
}

const places = ["top-left", "top", "top-right", "left", "middle", "right", "bottom-left", "bottom", "bottom-right"] as const;

// Where in the picture fingertips have been marked so far: a network learns only where it was shown.
function Coverage({ dataset, samples }: { dataset: Dataset; samples: Sample[] }) {
  const counts = spread(samples);
  const most = Math.max(1, ...counts);
  const none = samples.filter((each) => each.present === false).length;
  const empty = places.filter((_, index) => counts[index] === 0);
  const marked = samples.filter((each) => each.present === true).length;
  return (
    <Card title={t("coverage")}>
      <dl class="tiles three">
        <div>
          <dt>{t("coverage.marked")}</dt>
          <dd>{marked}</dd>
        </div>
        <div>
          <dt>{t("coverage.none")}</dt>
          <dd>{none}</dd>
        </div>
        <div>
          <dt>{t("coverage.unmarked")}</dt>
          <dd>{dataset.unmarked ?? samples.length - marked - none}</dd>
        </div>
      </dl>
      <div class="ninths" role="img" aria-label={t("coverage.places", { list: places.map((place, index) => `${t(`place.${place}`)} ${counts[index]}`).join(", ") })}>
        {counts.map((count, index) => (
          <span key={places[index]} style={{ "--share": count / most }}>
            {count}
          </span>
        ))}
      </div>
      <p class="quiet small">{marked === 0 ? t("coverage.start") : empty.length > 0 ? t("coverage.missing", { places: empty.map((place) => t(`place.${place}`)).join(", ") }) : t("coverage.full")}</p>
    </Card>
  );
}

interface MarkedProps {
  dataset: Dataset;
  samples: Sample[];
  total: number;
  more: () => void;
  onOpen: (sample: Sample) => void;
}

function Marked({ dataset, samples, total, more, onOpen }: MarkedProps) {
  const drop = async (sample: Sample) => {
    try {
      await remove(`/datasets/${dataset.name}/samples/${encodeURIComponent(sample.id)}`);
      toast(t("deleted", { n: 1 }), { label: t("undo"), run: () => void undo(dataset.name) });
    } catch (caught) {
      tellFailure(caught);
    }
  };
  const words = (sample: Sample, index: number) =>
    t(sample.present == null ? "picture.unmarked" : sample.present ? "picture.marked" : "picture.no_finger", { number: index + 1 });
  return (
    <Card title={t("gallery.pointing", { n: total })}>
      {samples.length === 0 ? <p class="quiet empty">{t("gallery.pointing.empty")}</p> : null}
      <ul class="thumbnails">
        {samples.map((sample, index) => (
          <li key={sample.id}>
            <button
              type="button"
              class="thumbnail"
              aria-label={words(sample, index)}
              onClick={() => onOpen(sample)}
              onKeyDown={(event) => {
                if (event.key !== "Delete" && event.key !== "Backspace") return;
                event.preventDefault();
                void drop(sample);
              }}
            >
              <img src={thumbnailOf("pointing", sample.id)} alt="" loading="lazy" width={160} height={120} />
              <svg viewBox={`0 0 ${sample.width_px} ${sample.height_px}`} aria-hidden="true">
                <MarkShapes marks={marksOf(sample.points)} size={{ width: sample.width_px, height: sample.height_px }} scale={2.5} />
              </svg>
              {sample.present === true ? null : <span class="corner text">{sample.present == null ? "?" : t("no_finger")}</span>}
            </button>
            <Button class="over-thumbnail" icon="trash" label={t("delete.picture", { number: index + 1 })} onClick={() => void drop(sample)} />
          </li>
        ))}
      </ul>
      {total > samples.length ? (
        <div class="row">
          <Button onClick={more}>{t("more", { n: total - samples.length })}</Button>
        </div>
      ) : null}
    </Card>
  );
}
