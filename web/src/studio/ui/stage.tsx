// The camera's picture, as large as its column, always on a dark ground; what is drawn over it lies
// in an SVG whose units are the picture's pixels.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { camera } from "../api/events";
import { watchCamera, type Shown } from "../api/video";
import { number, t } from "../i18n/i18n";
import { age } from "../core/format";
import { useStore } from "../core/store";

export interface Size {
  width: number;
  height: number;
}

// Draws a picture at its own size; the page scales it.
export function drawOn(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("2d")!.drawImage(picture, 0, 0);
}

interface PictureStageProps {
  label: string;
  canvas: { current: HTMLCanvasElement | null };
  size: Size;
  overlay?: ComponentChildren;
  chips?: ComponentChildren;
  veil?: ComponentChildren;
  over?: ComponentChildren;
}

export function PictureStage({ label, canvas, size, overlay, chips, veil, over }: PictureStageProps) {
  return (
    <div class="stage">
      <div class="stage-picture" style={{ "--ratio": size.width / size.height }}>
        <canvas ref={canvas} role="img" aria-label={label} />
        {overlay ? (
          <svg viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
            {overlay}
          </svg>
        ) : null}
        {veil ? <div class="stage-veil">{veil}</div> : null}
      </div>
      {over}
      {chips ? <div class="stage-chips">{chips}</div> : null}
    </div>
  );
}

interface CameraStageProps {
  label: string;
  // Told of each frame that was drawn. The picture is closed when the next one is drawn, unless
  // `onFrame` answers true: then it is the caller's.
  onFrame?: (frame: Shown) => boolean | void;
  overlay?: ComponentChildren;
  veil?: ComponentChildren;
}

// Age and rate are told twice a second: digits that flicker cannot be read.
const tellMs = 500;

export function CameraStage({ label, onFrame, overlay, veil }: CameraStageProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useStore(camera);
  const [size, setSize] = useState<Size>({ width: state.width_px || 640, height: state.height_px || 480 });
  const [told, setTold] = useState({ fps: 0, age_ms: 0 });
  const [silent, setSilent] = useState(true);
  const tell = useRef(onFrame);
  tell.current = onFrame;
  useEffect(() => {
    if (state.state === "none") return;
    const stop = new AbortController();
    let since = performance.now();
    let frames = 0;
    const show = (frame: Shown) => {
      setSilent(false);
      if (canvas.current) drawOn(canvas.current, frame.picture);
      setSize((before) => (before.width === frame.width_px && before.height === frame.height_px ? before : { width: frame.width_px, height: frame.height_px }));
      ++frames;
      const now = performance.now();
      if (now - since >= tellMs) {
        setTold({ fps: (1000 * frames) / (now - since), age_ms: frame.age_ms });
        since = now;
        frames = 0;
      }
      if (tell.current?.(frame) !== true) frame.picture.close();
    };
    void watchCamera(show, () => setSilent(true), stop.signal);
    return () => stop.abort();
  }, [state.uri, state.state === "none"]);
  const reason = state.state === "none" ? t("camera.none") : silent || state.state === "no signal" ? t("camera.waiting") : null;
  return (
    <PictureStage
      label={label}
      canvas={canvas}
      size={size}
      overlay={overlay}
      veil={
        reason ? (
          <p>
            <b>{reason}</b>
            {state.reason ? <span lang="en">{state.reason}</span> : null}
          </p>
        ) : (
          veil
        )
      }
      chips={
        reason ? null : (
          <>
            <span class="chip" title={t("camera.fps.what")}>
              {t("camera.fps", { fps: number(told.fps, undefined, 1) })}
            </span>
            <span class="chip" title={t("camera.age.what")}>
              {t("camera.age", { age: age(told.age_ms) })}
            </span>
          </>
        )
      }
    />
  );
}
