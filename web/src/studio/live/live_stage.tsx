// The picture that was looked at, with what was seen in it: for every look its own frame is fetched
// by its id, one at a time and the newest first, so the dot never runs ahead of the finger.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { look as looks } from "../api/events";
import type { Look } from "../api/types";
import { fetchFrame } from "../api/video";
import { age } from "../core/format";
import { number, t } from "../i18n/i18n";
import { drawOn, PictureStage, type Size } from "../ui/stage";

interface LiveStageProps {
  label: string;
  draw: (look: Look, size: Size) => ComponentChildren;
  onLook?: (look: Look) => void;
  // Lies over the picture, in its own measures.
  over?: ComponentChildren;
}

export function LiveStage({ label, draw, onLook, over }: LiveStageProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, setShown] = useState<{ look: Look; size: Size } | null>(null);
  const [rate, setRate] = useState(0);
  const tell = useRef(onLook);
  tell.current = onLook;
  useEffect(() => {
    const stop = new AbortController();
    let busy = false;
    let since = performance.now();
    let frames = 0;
    const follow = async () => {
      if (busy) return;
      busy = true;
      for (let last = -1; !stop.signal.aborted; ) {
        const next = looks.value;
        if (!next || next.frame_id === last || document.hidden) break;
        last = next.frame_id;
        try {
          const frame = await fetchFrame(`/camera/frames/${last}`, stop.signal);
          if (!frame) continue;
          if (canvas.current) drawOn(canvas.current, frame.picture);
          frame.picture.close();
          setShown({ look: next, size: { width: frame.width_px, height: frame.height_px } });
          tell.current?.(next);
          ++frames;
        } catch {
          // The frame is gone already: the next look brings a newer one.
        }
        const now = performance.now();
        if (now - since > 1000) {
          setRate((1000 * frames) / (now - since));
          since = now;
          frames = 0;
        }
      }
      busy = false;
    };
    const forget = looks.watch(() => void follow());
    void follow();
    return () => {
      stop.abort();
      forget();
    };
  }, []);
  const size = shown?.size ?? { width: 640, height: 480 };
  return (
    <PictureStage
      label={label}
      over={over}
      canvas={canvas}
      size={size}
      overlay={shown ? draw(shown.look, shown.size) : null}
      veil={shown ? null : <p>{t("live.waiting")}</p>}
      chips={
        shown ? (
          <>
            <span class="chip">{t("live.rate", { fps: number(rate, undefined, 1) })}</span>
            {shown.look.age_ms != null ? <span class="chip">{t("camera.age", { age: age(shown.look.age_ms) })}</span> : null}
          </>
        ) : null
      }
    />
  );
}

// The square that is named, and the dot: both twice, dark under light, so that they show on any ground.
export function LookShapes({ look, size, second }: { look: Look; size: Size; second?: boolean }) {
  const r = size.width / 55;
  const { crop } = look;
  const tip = second ? look.compare?.tip : look.tip;
  const box = crop ? { x: crop.x * size.width, y: crop.y * size.height, width: crop.width * size.width, height: crop.height * size.height, rx: r / 2 } : null;
  return (
    <>
      {box && !second ? (
        <>
          <rect {...box} fill="none" class="under" stroke-width={r / 2.2} />
          <rect {...box} fill="none" class="over" stroke-width={r / 5} />
        </>
      ) : null}
      {tip ? (
        <>
          <circle cx={tip.x * size.width} cy={tip.y * size.height} r={r} class="tip-ring" stroke-width={r / 3} />
          <circle cx={tip.x * size.width} cy={tip.y * size.height} r={r / 2.6} class="tip-dot" />
        </>
      ) : null}
    </>
  );
}
