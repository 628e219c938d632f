// The studio's arithmetic and state, on cases worked out by hand.
import { deflateRawSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { withJob, withPoints } from "../src/studio/api/events";
import type { Job } from "../src/studio/api/types";
import { Burst } from "../src/studio/collect/burst";
import { categoryOf, hasCommonRoot, sortFiles } from "../src/studio/collect/import_files";
import { marksOf, moved, pixelOf, placeOf, pointsOf, shareOf, spread } from "../src/studio/collect/points";
import { readZip } from "../src/studio/collect/unzip";
import { replaced } from "../src/studio/compress/inside";
import { Latest } from "../src/studio/compress/latest";
import { modelName, plansOf, recommended } from "../src/studio/compress/plan_words";
import { agreement } from "../src/studio/compress/side";
import { stepToTell } from "../src/studio/core/announce";
import { bytes, changeText, milliseconds, scoreText, span } from "../src/studio/core/format";
import { freeName } from "../src/studio/core/names";
import { hashOf, parseRoute } from "../src/studio/core/route";
import { parseSettings, preferredLanguage } from "../src/studio/core/settings";
import { tidyCode } from "../src/studio/settings/sign_in";
import { mostMistaken, picturesOf, within } from "../src/studio/train/confusion";

// A ZIP by hand: local headers and data, the directory, its end. `stated` is the length the directory gives.
function zipOf(entries: [path: string, text: string, deflate: boolean, stated?: number][]): Blob {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text, deflate, stated] of entries) {
    const name = Buffer.from(path);
    const body = deflate ? deflateRawSync(Buffer.from(text)) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(body.length, 20);
    entry.writeUInt32LE(stated ?? text.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, name, body);
    directory.push(entry, name);
    offset += local.length + name.length + body.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return new Blob([Buffer.concat([...parts, ...directory, end])]);
}

describe("route", () => {
  it("reads its own addresses", () => expect(parseRoute(hashOf("train", "results:a b/c"))).toEqual({ view: "train", part: "results:a b/c" }));
  it("opens Collect for what it does not know", () => expect(parseRoute("#/nowhere/x")).toEqual({ view: "collect", part: "" }));
});

describe("settings", () => {
  it("takes the reader's first language that there is", () => {
    expect(preferredLanguage(["fr", "zh-TW", "en"])).toBe("zh-Hant");
    expect(preferredLanguage(["fr"])).toBe("en");
  });
  it("passes over what another version stored", () => {
    expect(parseSettings("no json", ["en"]).theme).toBe("system");
    expect(parseSettings('{"theme":"sepia","singleKeys":false}', ["en"])).toMatchObject({ theme: "system", singleKeys: false });
  });
  it("tidies a pairing code", () => expect([tidyCode("1234 5678"), tidyCode("12"), tidyCode("123456789")]).toEqual(["1234-5678", "12", "1234-5678"]));
});

describe("format", () => {
  it("sizes", () => expect([bytes(999), bytes(2048), bytes(151_584), bytes(5_960_000)]).toEqual(["999 B", "2.0 kB", "152 kB", "5.96 MB"]));
  it("times", () => expect([milliseconds(5.694), milliseconds(31.24), span(400), span(89_000), span(90_000), span(6_000_000)]).toEqual(["5.69 ms", "31.2 ms", "1 second", "89 seconds", "2 minutes", "1.7 hours"]));
  it("scores", () => expect([scoreText("top1", 0.9233), scoreText("mean_error_px", 6.79)]).toEqual(["92.3 %", "6.8 px"]));
  it("changes, with a sign that is no hyphen", () => expect([changeText("top1", 0.9, 0.92), changeText("mean_error_px", 7.5, 7), changeText("top1", 0.5, 0.5)]).toEqual(["−2.0", "+0.5 px", "±0.0"]));
});

describe("progress is told in steps of ten per cent", () => {
  it.each([
    [0, 0.09, null],
    [0, 0.1, 1],
    [2, 0.3, 3],
    [3, 0.3, null],
    [3, 1, 10],
  ])("told %i, at %f: %s", (told, share, step) => expect(stepToTell(told, share)).toBe(step));
});

describe("names", () => {
  it("finds the first that is free", () => expect([freeName("a", []), freeName("a", ["a"]), freeName("a", ["a", "a-2"])]).toEqual(["a", "a-2", "a-3"]));
});

describe("points", () => {
  const size = { width: 640, height: 480 };
  it("moves by pixels and stays inside", () => {
    expect(moved({ x: 0.5, y: 0.5 }, 1, -10, size)).toEqual({ x: 0.5 + 1 / 640, y: 0.5 - 10 / 480 });
    expect(moved({ x: 0, y: 1 }, -1, 10, size)).toEqual({ x: 0, y: 1 });
    expect(moved(undefined, 0, 0, size)).toEqual({ x: 0.5, y: 0.5 });
  });
  it("takes a press for the place in the picture", () =>
    expect(placeOf({ clientX: 110, clientY: 40 }, { left: 10, top: 20, width: 400, height: 300 })).toEqual({ x: 0.25, y: 20 / 300 }));
  it("counts pixels from 0, each at its centre", () => {
    expect([pixelOf(0, 640), pixelOf(1, 640), pixelOf(0.5, 640)]).toEqual([0, 639, 320]);
    for (const pixel of [0, 1, 319, 639]) expect(pixelOf(shareOf(pixel, 640), 640)).toBe(pixel);
  });
  it("goes to the server and back", () => {
    const marks = { fingertip: { x: 0.1, y: 0.2 }, knuckle: { x: 0.3, y: 0.4 } };
    expect(marksOf(pointsOf(marks))).toEqual(marks);
    expect(pointsOf({ knuckle: { x: 0, y: 1 } })).toEqual([{ category: "knuckle", x: 0, y: 1 }]);
  });
  it("counts fingertips by ninths, the last ones at the edge", () => {
    const at = (x: number, y: number) => ({ points: [{ category: "fingertip", x, y }] });
    expect(spread([at(0, 0), at(1, 1), at(0.5, 0.5), at(0.5, 0.4), {}])).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 1]);
  });
});

describe("a burst", () => {
  const slow = () => {
    const ends: (() => void)[] = [];
    return { ends, save: vi.fn(() => new Promise<void>((resolve) => ends.push(resolve))) };
  };
  it("saves frames by id, not faster than the gap, none twice", async () => {
    const save = vi.fn(() => Promise.resolve());
    const burst = new Burst("b", save, () => {}, { gap_ms: 100, most_waiting: 9 });
    expect([burst.offer(7, 0), burst.offer(8, 50), burst.offer(7, 200), burst.offer(9, 200)]).toEqual([true, false, false, true]);
    expect(await burst.done()).toEqual({ saved: 2, failed: 0 });
    expect(save.mock.calls).toEqual([[7, "b"], [9, "b"]]);
  });
  it("passes over frames while too many are on their way", async () => {
    const { ends, save } = slow();
    const burst = new Burst("b", save, () => {}, { gap_ms: 0, most_waiting: 1 });
    expect([burst.offer(1, 0), burst.offer(2, 1)]).toEqual([true, false]);
    ends[0]!();
    expect(await burst.done()).toEqual({ saved: 1, failed: 0 });
    expect(burst.offer(3, 2)).toBe(true);
  });
  it("counts and tells what failed", async () => {
    const told = vi.fn();
    const burst = new Burst("b", () => Promise.reject(new Error("gone")), told, { gap_ms: 0, most_waiting: 1 });
    burst.offer(1, 0);
    expect(await burst.done()).toEqual({ saved: 0, failed: 1 });
    expect(told.mock.calls[0]![1]).toEqual(new Error("gone"));
  });
});

describe("files to import", () => {
  it("takes the folder below the chosen one for the category", () => {
    const paths = ["photos/1.jpg", "photos/mug/1.jpg", "photos/mug/more/1.jpg"];
    expect(paths.map((path) => categoryOf(path, true))).toEqual([null, "mug", "mug"]);
    expect([categoryOf("1.jpg", false), categoryOf("mug/1.jpg", false)]).toEqual([null, "mug"]);
  });
  it("knows a root by the folders in it", () => expect([hasCommonRoot(["p/a/1", "p/2"]), hasCommonRoot(["a/1", "a/2"]), hasCommonRoot(["a/b/1", "c/2"]), hasCommonRoot([])]).toEqual([true, false, false, false]));
  const file = (name: string, path = "") => Object.assign(new Blob(["x"]), { name, webkitRelativePath: path });
  it("tells pictures from the rest, and passes over what is hidden", async () => {
    const sorted = await sortFiles([file("a.JPG"), file("b.webp", "p/keys/b.webp"), file("d.txt"), file(".DS_Store")]);
    expect(sorted.pictures.map(({ type, category }) => [type, category])).toEqual([["image/jpeg", null], ["image/webp", "keys"]]);
    expect(sorted.others).toEqual(["d.txt"]);
  });
  it("reads a ZIP: stored and deflated, with a folder for each category", async () => {
    const zip = Object.assign(zipOf([["set/mug/1.jpg", "one", false], ["set/keys/2.png", "two".repeat(99), true], ["set/notes.txt", "n", false]]), { name: "set.zip" });
    const { pictures, others } = await sortFiles([zip]);
    expect(pictures.map(({ name, category }) => [name, category])).toEqual([["1.jpg", "mug"], ["2.png", "keys"]]);
    expect(await Promise.all(pictures.map(async ({ open }) => (await open()).text()))).toEqual(["one", "two".repeat(99)]);
    expect(others).toEqual(["notes.txt"]);
  });
  it("refuses what is no ZIP, and entries that are not what they promise", async () => {
    await expect(readZip(new Blob(["no archive at all, but long enough for an end"]))).rejects.toThrow("no directory");
    const longer = await readZip(zipOf([["a.jpg", "two".repeat(99), true, 10]]));
    await expect(longer[0]!.open()).rejects.toThrow("longer than its directory says");
    const shorter = await readZip(zipOf([["a.jpg", "two", true, 99]]));
    await expect(shorter[0]!.open()).rejects.toThrow("shorter than its directory says");
  });
});

describe("events", () => {
  const job = (id: string, state: Job["state"]) => ({ id, kind: "teach", state }) as Job;
  it("puts a new job first and a known one in its place", () => {
    const list = withJob([job("a", "running")], job("b", "running"));
    expect(list.map((each) => each.id)).toEqual(["b", "a"]);
    expect(withJob(list, job("a", "done"))[1]!.state).toBe("done");
  });
  it("keeps one point for each epoch, in order", () =>
    expect(withPoints([{ epoch: 1, train_loss: 3 }, { epoch: 3 }], [{ epoch: 2 }, { epoch: 1, held_out_loss: 4 }])).toEqual([
      { epoch: 1, train_loss: 3, held_out_loss: 4 },
      { epoch: 2 },
      { epoch: 3 },
    ]));
});

describe("judging", () => {
  const pictures = [
    { sample: "a", actual: "mug", predicted: "mug" },
    { sample: "b", actual: 0, predicted: 1 },
    { sample: "c", actual: "mug", predicted: "keys" },
  ];
  it("finds the pictures behind a cell, by name or by index", () => expect(picturesOf(pictures, ["mug", "keys"], 0, 1).map((each) => each.sample)).toEqual(["b", "c"]));
  it("finds the worst mistake, off the diagonal", () => {
    expect(mostMistaken([[90, 2], [3, 80]])).toEqual({ actual: 1, predicted: 0, count: 3 });
    expect(mostMistaken([[90, 0], [0, 80]])).toBeNull();
  });
  it("counts errors within limits, the limit included", () => expect(within([1, 5, 9], [5, 10])).toEqual([2 / 3, 1]));
});

describe("plans", () => {
  it("replaces weights by centroids and the pruned one by 0", () => {
    const view = { codebook: [-1, 0.25, 2], indices: [0, 1, 2, 1], zero_index: 1 };
    expect([...replaced(view, false)]).toEqual([-1, 0.25, 2, 0.25]);
    expect([...replaced(view, true)]).toEqual([-1, 0, 2, 0]);
  });
  it("tries the gentlest first", () =>
    expect(plansOf({ centroids: [2, 16], prune: [false, true], granularity: "group", activations: null }).map((plan) => [plan.centroids, plan.prune])).toEqual([[16, false], [16, true], [2, false], [2, true]]));
  it("names models by what they are", () => {
    expect(modelName("mug", { centroids: 8, granularity: "row", prune: true, activations: "int8" })).toBe("mug-k8-row-pruned-int8");
    expect(modelName("mug", { target_bytes: 1_500_000 })).toBe("mug-1500kB");
  });
  const plan = (file_bytes: number, score: number | null) => ({ file_bytes, score });
  it("recommends the smallest within a point", () => expect(recommended([plan(100, 0.92), plan(50, 0.915), plan(20, 0.9), plan(10, null)], 0.92, "top1")?.file_bytes).toBe(50));
  it("recommends the smallest within a tenth of the pixels", () => expect(recommended([plan(100, 10), plan(50, 10.9), plan(20, 12)], 10, "mean_error_px")?.file_bytes).toBe(50));
  it("recommends nothing that was not measured", () => expect(recommended([plan(10, null)], 0.9, "top1")).toBeNull());
});

describe("side by side", () => {
  const look = (probabilities: number[], other: number[] | null) => ({ probabilities, tip: null, compare: other && { probabilities: other, labels: ["keys", "mug"] } });
  it("compares names, not places in the list", () => {
    expect(agreement(look([0.9, 0.1], [0.2, 0.8]), ["mug", "keys"], "classify")).toBe(true);
    expect(agreement(look([0.9, 0.1], [0.8, 0.2]), ["mug", "keys"], "classify")).toBe(false);
    expect(agreement(look([0.9, 0.1], null), ["mug", "keys"], "classify")).toBeNull();
  });
  it("compares dots by their distance", () => {
    const dots = (x: number) => ({ probabilities: [], tip: { x: 0.5, y: 0.5 }, compare: { tip: { x, y: 0.5 } } });
    expect([agreement(dots(0.54), [], "locate"), agreement(dots(0.6), [], "locate")]).toEqual([true, false]);
  });
});

describe("Latest", () => {
  it("asks one at a time and tells the newest only", async () => {
    const asked: { path: string; answer: (value: string) => void }[] = [];
    const told: string[] = [];
    const latest = new Latest<string>(
      (path) => new Promise((answer) => asked.push({ path, answer })),
      (path, answer) => told.push(`${path}=${answer}`),
    );
    for (const path of ["a", "b", "c"]) latest.want(path);
    expect(asked.map((each) => each.path)).toEqual(["a"]);
    asked[0]!.answer("1");
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    asked[1]!.answer("3");
    await vi.waitFor(() => expect(told).toEqual(["c=3"]));
  });
});
