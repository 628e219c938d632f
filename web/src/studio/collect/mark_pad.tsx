// One frozen picture and the points on it. A press or a drag sets the point, arrows move it by a
// pixel (Shift: ten), fields take numbers, and a glass shows what lies under the finger.
import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Point } from "../api/types";
import { announce } from "../core/announce";
import { useKeys } from "../core/keys";
import { t } from "../i18n/i18n";
import { Button, NumberField, Segments } from "../ui/controls";
import { drawOn, type Size } from "../ui/stage";
import { moved, pixelOf, placeOf, pointNames, shareOf, type Marks, type PointName } from "./points";

interface MarkPadProps {
  picture: ImageBitmap;
  size: Size;
  initial: Marks;
  // What is done with it, and whether that succeeded.
  onSave: (marks: Marks) => Promise<boolean>;
  onNone: () => Promise<boolean>;
  onBack: () => void;
}

const glassZoom = 6;
const glassSize = 132;

export function MarkPad({ picture, size, initial, onSave, onNone, onBack }: MarkPadProps) {
  const pad = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const help = useId();
  const [marks, setMarks] = useState<Marks>(initial);
  const [active, setActive] = useState<PointName>("fingertip");
  const [busy, setBusy] = useState(false);
  const point = marks[active];

  useEffect(() => {
    if (canvas.current) drawOn(canvas.current, picture);
    pad.current?.focus({ preventScroll: true });
  }, [picture]);

  const place = (to: Point) => setMarks((before) => ({ ...before, [active]: to }));
  const px = (at: Point) => t("mark.at", { point: t(`point.${active}`), x: pixelOf(at.x, size.width), y: pixelOf(at.y, size.height) });
  const nudge = (event: KeyboardEvent, dx: number, dy: number) => {
    if (document.activeElement !== pad.current && document.activeElement !== document.body) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 : 1;
    const to = moved(point, dx * step, dy * step, size);
    place(to);
    announce(px(to));
  };
  const attempt = async (action: () => Promise<boolean>) => {
    if (busy) return;
    setBusy(true);
    await action();
    setBusy(false);
  };
  const save = () => marks.fingertip && void attempt(() => onSave(marks));
  useKeys({
    ArrowLeft: (event) => nudge(event, -1, 0),
    ArrowRight: (event) => nudge(event, 1, 0),
    ArrowUp: (event) => nudge(event, 0, -1),
    ArrowDown: (event) => nudge(event, 0, 1),
    n: () => void attempt(onNone),
    t: () => setActive("fingertip"),
    k: () => setActive("knuckle"),
    Enter: save,
    Escape: onBack,
  });

  return (
    <div class="stack">
      <div
        class="stage marking"
        ref={pad}
        tabIndex={0}
        role="application"
        aria-label={t("mark.pad", { point: t(`point.${active}`) })}
        aria-describedby={help}
      >
        <div
          class="stage-picture"
          style={{ "--ratio": size.width / size.height }}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            place(placeOf(event, event.currentTarget.getBoundingClientRect()));
          }}
          onPointerMove={(event) => {
            if (event.currentTarget.hasPointerCapture(event.pointerId)) place(placeOf(event, event.currentTarget.getBoundingClientRect()));
          }}
          onPointerUp={() => {
            // The knuckle comes after the tip, as the hand is read.
            if (active === "fingertip" && !marks.knuckle) setActive("knuckle");
          }}
        >
          <canvas ref={canvas} aria-hidden="true" />
          <svg viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
            <MarkShapes marks={marks} size={size} active={active} />
          </svg>
          {point ? <Glass picture={picture} at={point} away={point.x > 0.5 ? "left" : "right"} /> : null}
        </div>
      </div>
      <p class="quiet small" id={help}>
        {t("mark.help")}
      </p>
      <div class="row bottom">
        <Segments<PointName>
          label={t("mark.which")}
          shown
          value={active}
          options={pointNames.map((value) => ({ value, label: `${t(`point.${value}`)}${marks[value] ? " ✓" : ""}` }))}
          onValue={setActive}
        />
        <NumberField label="x (px)" value={pixelOf(point?.x ?? 0.5, size.width)} min={0} max={size.width - 1} onValue={(x) => place({ x: shareOf(x, size.width), y: point?.y ?? 0.5 })} />
        <NumberField label="y (px)" value={pixelOf(point?.y ?? 0.5, size.height)} min={0} max={size.height - 1} onValue={(y) => place({ x: point?.x ?? 0.5, y: shareOf(y, size.height) })} />
      </div>
      <div class="row">
        <Button look="primary" icon="check" disabled={busy || !marks.fingertip} onClick={save}>
          {t("mark.save")} <kbd>Enter</kbd>
        </Button>
        <Button disabled={busy} onClick={() => void attempt(onNone)}>
          {t("mark.none")} <kbd>N</kbd>
        </Button>
        <Button look="plain" onClick={onBack}>
          {t("mark.back")} <kbd>Esc</kbd>
        </Button>
      </div>
    </div>
  );
}

// A ring around the tip, a square around the knuckle, a line between: told apart by shape, not by
// colour alone. Each twice, dark under light, so that it shows on any ground.
export function MarkShapes({ marks, size, active, scale = 1 }: { marks: Marks; size: Size; active?: PointName; scale?: number }) {
  const r = (scale * size.width) / 60;
  const at = (point: Point) => [point.x * size.width, point.y * size.height] as const;
  const { fingertip, knuckle } = marks;
  return (
    <>
      {fingertip && knuckle ? <Twice width={r / 5} draw={(stroke) => <line x1={at(knuckle)[0]} y1={at(knuckle)[1]} x2={at(fingertip)[0]} y2={at(fingertip)[1]} {...stroke} stroke-dasharray={`${r / 2} ${r / 2}`} />} /> : null}
      {fingertip ? (
        <>
          <Twice width={active === "fingertip" ? r / 3 : r / 5} draw={(stroke) => <circle cx={at(fingertip)[0]} cy={at(fingertip)[1]} r={r} fill="none" {...stroke} />} />
          <circle cx={at(fingertip)[0]} cy={at(fingertip)[1]} r={r / 5} class="tip-dot" />
        </>
      ) : null}
      {knuckle ? <Twice width={active === "knuckle" ? r / 3 : r / 5} draw={(stroke) => <rect x={at(knuckle)[0] - 0.8 * r} y={at(knuckle)[1] - 0.8 * r} width={1.6 * r} height={1.6 * r} fill="none" {...stroke} />} /> : null}
    </>
  );
}

function Twice({ width, draw }: { width: number; draw: (stroke: { "stroke-width": number; class: string }) => JSX.Element }) {
  return (
    <>
      {draw({ "stroke-width": 2.2 * width, class: "under" })}
      {draw({ "stroke-width": width, class: "over" })}
    </>
  );
}

function Glass({ picture, at, away }: { picture: ImageBitmap; at: Point; away: "left" | "right" }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const seen = glassSize / glassZoom;
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#000";
    context.fillRect(0, 0, glassSize, glassSize);
    context.drawImage(picture, at.x * picture.width - seen / 2, at.y * picture.height - seen / 2, seen, seen, 0, 0, glassSize, glassSize);
    context.strokeStyle = "#fff";
    context.globalCompositeOperation = "difference";
    context.beginPath();
    for (const [x, y] of [[1, 0], [0, 1]] as const) {
      context.moveTo(glassSize / 2 - (x * glassSize) / 2, glassSize / 2 - (y * glassSize) / 2);
      context.lineTo(glassSize / 2 + (x * glassSize) / 2, glassSize / 2 + (y * glassSize) / 2);
    }
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }, [picture, at.x, at.y]);
  return <canvas ref={canvas} class={`glass ${away}`} width={glassSize} height={glassSize} aria-hidden="true" />;
}
