// The camera's pictures: one request at a time, each for a frame newer than the one just shown, so
// that a slow viewer sees fewer frames and never older ones.
import { base } from "./client";

export interface Shown {
  frame_id: number;
  age_ms: number;
  width_px: number;
  height_px: number;
  picture: ImageBitmap;
}

const asNumber = (response: Response, name: string) => Number(response.headers.get(name) ?? 0);

export async function fetchFrame(path: string, signal: AbortSignal): Promise<Shown | null> {
  const response = await fetch(base + path, { signal, credentials: "same-origin" });
  if (response.status === 204) return null;
  if (!response.ok) throw new Error(String(response.status));
  const picture = await createImageBitmap(await response.blob());
  return {
    frame_id: asNumber(response, "Deixis-Frame-Id"),
    age_ms: asNumber(response, "Deixis-Age-Ms"),
    width_px: asNumber(response, "Deixis-Width-Px") || picture.width,
    height_px: asNumber(response, "Deixis-Height-Px") || picture.height,
    picture,
  };
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

// Calls `show` for frame after frame until the signal; `missed` when there was none to get.
export async function watchCamera(show: (frame: Shown) => void, missed: () => void, signal: AbortSignal): Promise<void> {
  let last = 0;
  while (!signal.aborted) {
    try {
      const frame = await fetchFrame(`/camera/frame?after=${last}&wait_ms=5000`, signal);
      if (signal.aborted) return frame?.picture.close();
      if (frame) {
        last = frame.frame_id;
        show(frame);
      } else {
        missed();
      }
      // A tab in the background draws nothing: it waits until it is looked at again.
      if (document.hidden) await pause(500, signal);
    } catch {
      if (signal.aborted) return;
      missed();
      await pause(1000, signal);
    }
  }
}
