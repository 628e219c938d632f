// The studio in a real browser, against the real server on a made scene: a newcomer's whole way, then
// every view by keyboard, by axe, on a phone. DEIXIS_PROGRAM names the program; skips by name without it.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { chromium_path, keepPicture, killJob, openBrowser, startStudio, violations, watchFaults, writeSmallNetwork, type Studio } from "./harness";

const program = process.env["DEIXIS_PROGRAM"] ?? "";

const views = {
  things: "#/collect",
  fingertips: "#/collect/fingertips",
  teach: "#/train",
  results: "#/train/results",
  models: "#/train/models",
  live: "#/live",
  inside: "#/compress",
  plans: "#/compress/plans",
  side: "#/compress/side",
  settings: "#/settings",
} as const;

// Of a job: the bound is for a machine with two busy cores.
const jobMs = 120_000;

describe.skipIf(!chromium_path || !program)("the studio's page", () => {
  let studio: Studio;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    studio = await startStudio(program);
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1360, height: 900 }, locale: "en-GB", acceptDownloads: true });
    context.setDefaultTimeout(jobMs);
    const page = await context.newPage();
    await page.goto(studio.link);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.close();
  }, jobMs);
  afterAll(async () => {
    await browser?.close();
    await studio?.stop();
  }, jobMs);

  async function open(view: keyof typeof views, options: { page?: Page } = {}): Promise<{ page: Page; faults: string[] }> {
    const page = options.page ?? (await context.newPage());
    const faults = watchFaults(page, new RegExp(`^(${studio.address}|data:|blob:)`));
    await page.goto(studio.address + views[view]);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.locator(".content > .view, .content > .columns, .content > .halves").first().waitFor();
    return { page, faults };
  }
  const chip = (page: Page) => page.locator(".chip", { hasText: "pictures/s" });

  it("asks a browser that it does not know for a code, and refuses a wrong one", async () => {
    const stranger = await browser.newContext();
    const page = await stranger.newPage();
    await page.goto(studio.address);
    await page.getByLabel("Pairing code").fill("00000000");
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByText("That code is not right").waitFor();
    await keepPicture(page, "sign-in");
    await stranger.close();
  });

  it("weighs less than 300 kB gzipped", { timeout: jobMs }, async () => {
    const page = await context.newPage();
    const bodies = new Map<string, number>();
    page.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (pathname === "/" || pathname.startsWith("/assets/")) void response.body().then((body) => bodies.set(pathname, gzipSync(body).length), () => {});
    });
    const paints: number[] = [];
    for (let trial = 0; trial < 3; ++trial) {
      await page.goto(`${studio.address}${trial % 2 === 0 ? views.inside : views.teach}`);
      await page.reload();
      await page.getByRole("heading", { level: 1 }).waitFor();
      paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity));
    }
    // What only another language or another plot would fetch is counted by the build's own test.
    const total = [...bodies.values()].reduce((sum, each) => sum + each, 0);
    expect(total).toBeGreaterThan(30_000);
    expect(total).toBeLessThan(300_000);
    // Other work on the machine is not the page's fault: a bound on time is for an idle one.
    if (process.env["DEIXIS_TIMED"]) expect(Math.min(...paints)).toBeLessThan(1000);
    await page.close();
  });

  it("leads a newcomer the whole way", { timeout: 6 * jobMs }, async () => {
    const { page, faults } = await open("things");
    // The camera, a project, categories.
    await chip(page).waitFor();
    await page.getByRole("button", { name: /^Project/ }).click();
    await page.getByLabel("Name of this project").fill("Kitchen");
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("button", { name: "Project Kitchen" }).waitFor();
    // Another project begins empty, and this one is found again as it was.
    await page.getByLabel("New category").fill("spoon");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("radio", { name: /spoon/ }).waitFor();
    await page.getByRole("button", { name: /^Project/ }).click();
    await page.getByText("There is no other project yet.").waitFor();
    await page.getByLabel("Name of a new project").fill("garden");
    await page.getByLabel("Name of a new project").press("Enter");
    await page.getByRole("button", { name: "Project garden" }).waitFor();
    await page.getByRole("radio", { name: /nothing/ }).waitFor();
    expect(await page.getByRole("radio", { name: /spoon/ }).count()).toBe(0);
    await page.getByRole("button", { name: /^Project/ }).click();
    await page.getByRole("button", { name: "Open Kitchen" }).waitFor();
    expect(await violations(page)).toEqual([]);
    await keepPicture(page, "projects");
    await page.getByRole("button", { name: "Open Kitchen" }).click();
    await page.getByRole("button", { name: "Project Kitchen" }).waitFor();
    await page.getByRole("radio", { name: /spoon/ }).waitFor();
    await page.locator("h1").click();
    await page.keyboard.press("Control+z");
    await expect.poll(() => page.getByRole("radio", { name: /spoon/ }).count()).toBe(0);
    expect(await page.getByRole("radio", { name: /nothing/ }).count()).toBe(1);
    for (const name of ["mug", "keys"]) {
      await page.getByLabel("New category").fill(name);
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("radio", { name: new RegExp(name) }).waitFor();
    }
    // Bursts: by the space bar, by holding the button; and one taken back.
    const count = async (name: string) => Number(/(\d+) of/.exec(await page.getByRole("progressbar", { name: new RegExp(`^${name}:`) }).getAttribute("aria-label") ?? "")?.[1] ?? Number(/(\d+) of/.exec(await page.locator(".category", { hasText: name }).innerText())?.[1]));
    // Twice each: a burst is held out as a whole, so that one alone leaves nothing to learn from.
    for (const name of ["mug", "keys", "nothing", "mug", "keys", "nothing"]) {
      const wanted = (await count(name)) + 5;
      await page.getByRole("radio", { name: new RegExp(`^${name}`) }).check();
      await page.locator("h1").click();
      await page.keyboard.down("Space");
      await expect.poll(() => count(name), { timeout: 2 * jobMs }).toBeGreaterThanOrEqual(wanted);
      await page.keyboard.up("Space");
    }
    await page.waitForTimeout(500);
    const before = await count("nothing");
    const shutter = page.getByRole("button", { name: /Hold to take/ });
    await shutter.hover();
    await page.mouse.down();
    await expect.poll(() => count("nothing"), { timeout: 2 * jobMs }).toBeGreaterThanOrEqual(before + 2);
    await page.mouse.up();
    await page.waitForTimeout(500);
    await page.locator("h1").click();
    await page.keyboard.press("Control+z");
    await expect.poll(() => count("nothing"), { timeout: jobMs }).toBe(before);
    // A picture that is about to go would lose the choice with it.
    await expect.poll(() => page.locator(".thumbnails [role=option]").count(), { timeout: jobMs }).toBe(before);
    await keepPicture(page, "1-collect");

    // Relabel one, delete one, take the deletion back.
    await page.locator(".thumbnails [role=option]").first().click();
    await page.getByLabel("Move to").selectOption("mug");
    await expect.poll(() => count("nothing"), { timeout: jobMs }).toBe(before - 1);
    // By keyboard; the focus stays in the list when its picture goes.
    await expect.poll(() => page.locator(".thumbnails [role=option]").count(), { timeout: jobMs }).toBe(before - 1);
    await page.locator(".thumbnails [role=option]").first().focus();
    await page.keyboard.press("Delete");
    await expect.poll(() => count("nothing"), { timeout: jobMs }).toBe(before - 2);
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("option");
    await page.getByRole("button", { name: "Undo" }).first().click();
    await expect.poll(() => count("nothing"), { timeout: jobMs }).toBe(before - 1);

    // Fingertips: what is saved is the frame that was frozen, at the place that was pressed.
    await open("fingertips", { page });
    await chip(page).waitFor();
    for (let each = 0; each < 6; ++each) {
      await page.locator("h1").click();
      await page.keyboard.press("f");
      const picture = page.locator(".marking .stage-picture");
      await picture.waitFor();
      if (each === 5) {
        await page.keyboard.press("n");
      } else {
        const box = (await picture.boundingBox())!;
        await page.mouse.click(box.x + (0.3 + 0.05 * each) * box.width, box.y + 0.4 * box.height);
        await page.mouse.click(box.x + (0.35 + 0.05 * each) * box.width, box.y + 0.6 * box.height);
        if (each === 0) {
          const frozen = await picture.locator("canvas").first().evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL("image/jpeg"));
          await keepPicture(page, "2-mark");
          await page.keyboard.press("Enter");
          await chip(page).waitFor();
          expect(await differenceToSaved(page, frozen)).toBeLessThan(6);
          continue;
        }
        await page.keyboard.press("Enter");
      }
      await chip(page).waitFor();
    }
    const pointing = await page.evaluate(async () => (await (await fetch("/api/v1/datasets/pointing/samples?limit=10")).json()) as { samples: { present: boolean; points: { category: string; x: number; y: number }[] }[] });
    expect(pointing.samples.map((each) => each.present)).toEqual([false, true, true, true, true, true]);
    const tip = pointing.samples.at(-1)!.points.find((each) => each.category === "fingertip")!;
    expect(Math.abs(tip.x - 0.3)).toBeLessThan(0.005);
    expect(Math.abs(tip.y - 0.4)).toBeLessThan(0.005);

    // Teach; the page is loaded again in the middle.
    await open("teach", { page });
    await page.getByLabel("Name of the model").fill("kitchen");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("heading", { name: "Teaching kitchen" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Teaching kitchen" }).waitFor();
    await page.getByText("kitchen is ready.").waitFor({ timeout: jobMs });
    await keepPicture(page, "3-teach");
    // The name is taken now: the page says so and offers another.
    await page.getByLabel("Name of the model").fill("kitchen");
    await page.getByText("kitchen-2 is free").waitFor();
    expect(await page.getByRole("button", { name: "Start", exact: true }).isDisabled()).toBe(true);

    // Judge; the pictures behind a cell.
    await page.getByRole("link", { name: "Judge it" }).click();
    await page.getByLabel("On pictures").selectOption("all");
    await page.getByRole("button", { name: "Judge", exact: true }).click();
    await page.getByRole("table", { name: /Confusion matrix/ }).waitFor({ timeout: jobMs });
    await page.locator(".cell:not(:disabled)").first().click();
    await page.locator(".card .thumbnails .thumbnail").first().waitFor();
    await keepPicture(page, "4-results");

    // Use it, and watch.
    await open("models", { page });
    const card = page.locator(".models .card", { has: page.getByRole("heading", { name: "kitchen", exact: true }) });
    const use = card.getByRole("button", { name: "Use it" });
    if (await use.count()) await use.click();
    await card.getByText("in use").waitFor();
    await keepPicture(page, "5-models");
    await open("live", { page });
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.locator(".chip", { hasText: "looks/s" }).waitFor({ timeout: jobMs });
    await page.locator(".likely li.best").first().waitFor({ timeout: jobMs });
    await keepPicture(page, "6-live");
    await page.getByRole("button", { name: "Stop", exact: true }).click();

    // A network that somebody brings along, taught as well: it is small enough to compress many times.
    const brought = join(studio.folder, "small.safetensors");
    writeSmallNetwork(brought);
    await open("models", { page });
    await page.getByRole("button", { name: /Add a model/ }).click();
    await page.locator('input[type="file"]').setInputFiles(brought);
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("small was added.").first().waitFor({ timeout: jobMs });
    await open("teach", { page });
    await page.getByLabel("Begin from").selectOption("small");
    await page.getByLabel("Name of the model").fill("corner");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("corner is ready.").waitFor({ timeout: jobMs });

    // Compress: inside first, then K = 2, 3, 8, 16, each with pruning.
    await open("inside", { page });
    await page.locator("figure svg.plot").first().waitFor({ timeout: jobMs });
    const cost = page.locator(".tiles dd").first();
    const gentle = await cost.innerText();
    await page.getByRole("slider", { name: /Centroids K/ }).focus();
    await page.keyboard.press("Home");
    await expect.poll(() => cost.innerText(), { timeout: jobMs }).not.toBe(gentle);
    await keepPicture(page, "7-inside");
    await open("plans", { page });
    await page.getByLabel("Model", { exact: true }).selectOption("corner");
    await page.getByRole("button", { name: "Try 8 plans" }).click();
    await expect.poll(() => page.getByRole("table", { name: /Plans/ }).getByRole("row").count().catch(() => 0), { timeout: 3 * jobMs, interval: 1000 }).toBe(10);
    await page.locator("svg.plot").first().waitFor();
    await keepPicture(page, "8-plans");

    // Side by side, deploy, hand out.
    await open("side", { page });
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText(/They agree on/).waitFor({ timeout: jobMs });
    await keepPicture(page, "9-side");
    await page.getByRole("button", { name: "Use it" }).last().click();
    await page.getByText(/is in use now/).first().waitFor();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await open("models", { page });
    for (const [format, begins] of [[".safetensors", ""], [".pth", "PK"], [".onnx", "\x08"]] as const) {
      await page.locator(".models .card", { has: page.getByRole("heading", { name: "corner", exact: true }) }).getByRole("button", { name: "Export" }).click();
      const download = page.waitForEvent("download", { timeout: jobMs });
      await page.getByRole("link", { name: new RegExp(`^\\${format}`) }).click();
      const file = await download;
      expect(file.suggestedFilename()).toBe(`corner${format}`);
      const bytes = readFileSync(await file.path());
      expect(bytes.length).toBeGreaterThan(100_000);
      expect(bytes.subarray(0, begins.length).toString("latin1")).toBe(begins);
      await page.keyboard.press("Escape");
    }
    expect(faults).toEqual([]);
    await page.close();
  });

  it.skipIf(!existsSync(join(dirname(program), "deixis-train")))("goes on where a training that was killed broke off", { timeout: 3 * jobMs }, async () => {
    const { page } = await open("teach");
    const numEpochs = 200;  // some twenty seconds
    await page.getByRole("radio", { name: "Fine-tune" }).check();
    await page.getByLabel("Begin from").selectOption("small");
    await page.getByLabel("Epochs").fill(String(numEpochs));
    await page.getByLabel("Name of the model").fill("fine");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("heading", { name: /fine$/ }).waitFor();
    const epochs = () => page.getByRole("table", { name: "The curves as a table" }).first().locator("tbody tr").count();
    await page.getByText("As a table").first().click({ timeout: jobMs });
    await expect.poll(epochs, { timeout: jobMs }).toBeGreaterThan(2);
    expect(killJob(studio, "deixis-train")).toBe(true);
    await page.getByText(/was killed from outside/).waitFor({ timeout: jobMs });
    await keepPicture(page, "10-lost");
    const before = await epochs();
    await page.getByRole("button", { name: "Go on from where it was" }).click();
    await page.getByText("fine is ready.").waitFor({ timeout: 2 * jobMs });
    // Events leave epochs out where these are short; the whole of the job is fetched when it has ended.
    await expect.poll(epochs, { timeout: jobMs }).toBe(numEpochs);
    expect(before).toBeGreaterThan(2);
    await keepPicture(page, "11-resumed");
    await page.close();
  });

  it.each(["light", "dark"] as const)("has no accessibility violation on any view in %s", { timeout: 2 * jobMs }, async (colorScheme) => {
    const page = await context.newPage();
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const found: string[] = [];
    for (const view of Object.keys(views) as (keyof typeof views)[]) {
      await open(view, { page });
      await page.waitForTimeout(600);
      for (const each of await violations(page)) found.push(`${view}: ${each}`);
      await keepPicture(page, `${view}-${colorScheme}`);
    }
    expect(found).toEqual([]);
    await page.close();
  });

  it.each([
    ["a phone", 390],
    ["a desktop at 200 %", 640],
  ] as const)("never scrolls sideways on %s", { timeout: 2 * jobMs }, async (_, width) => {
    const page = await context.newPage();
    await page.setViewportSize({ width, height: 800 });
    for (const view of Object.keys(views) as (keyof typeof views)[]) {
      await open(view, { page });
      await page.waitForTimeout(300);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), view).toBeLessThanOrEqual(0);
      // Targets of a finger: 44 px, but for links within a sentence.
      const small = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>("button, select, input:not([type=radio]):not([type=checkbox]):not([hidden]), nav a, summary, .tick, .switch, .segments label")]
          .filter((each) => each.offsetParent !== null && !each.closest(".toasts"))
          .filter((each) => each.getBoundingClientRect().height < 43.5 || each.getBoundingClientRect().width < 43.5)
          .map((each) => each.outerHTML.slice(0, 100)),
      );
      expect(small, view).toEqual([]);
      if (width === 390) await keepPicture(page, `${view}-phone`);
    }
    await page.close();
  });

  it("does everything on Collect by keyboard alone", { timeout: jobMs }, async () => {
    const { page } = await open("things");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await tabTo(page, 'input[name="category"]');
    await page.keyboard.press("ArrowDown");
    await tabTo(page, ".shutter, .card .input");
    const held = page.locator(".taking");
    await page.locator("h1").focus();
    await page.keyboard.down("Space");
    await held.waitFor();
    await page.keyboard.up("Space");
    await held.waitFor({ state: "detached" });
    await page.goto(studio.address + views.fingertips);
    await chip(page).waitFor();
    await page.keyboard.press("f");
    const x = page.getByLabel("x (px)");
    await x.waitFor();
    await page.keyboard.press("ArrowRight");
    const from = Number(await x.inputValue());
    await page.keyboard.press("Shift+ArrowRight");
    expect(Number(await x.inputValue()) - from).toBe(10);
    await page.keyboard.press("Escape");
    await chip(page).waitFor();
    await page.close();
  });

  it("lets every control of every view be reached by Tab", { timeout: jobMs }, async () => {
    const page = await context.newPage();
    for (const view of Object.keys(views) as (keyof typeof views)[]) {
      await open(view, { page });
      await page.waitForTimeout(400);
      // A group of radio buttons, and a list of pictures, is one stop: arrows move within it.
      const missed = () =>
        page.evaluate(() => {
          const groups = new Set([...document.querySelectorAll<HTMLInputElement>("[data-reached]")].map((each) => each.name).filter(Boolean));
          return [...document.querySelectorAll<HTMLElement>('a[href], button:not(:disabled), input:not(:disabled):not([hidden]), select:not(:disabled), summary, [tabindex="0"]')]
            .filter((each) => each.checkVisibility() && each.tabIndex >= 0 && !each.closest(".toasts") && each.dataset["reached"] === undefined)
            .filter((each) => !(each instanceof HTMLInputElement && each.type === "radio" && groups.has(each.name)))
            .map((each) => each.outerHTML.slice(0, 120));
        });
      for (let step = 0; step < 150; ++step) {
        await page.keyboard.press("Tab");
        await page.evaluate(() => ((document.activeElement as HTMLElement).dataset["reached"] = ""));
        if (step % 10 === 9 && (await missed()).length === 0) break;
      }
      expect(await missed(), view).toEqual([]);
    }
    await page.close();
  });

  it("speaks Traditional Chinese and remembers it", async () => {
    const page = await context.newPage();
    await open("settings", { page });
    await page.getByRole("radio", { name: "繁體中文" }).check();
    await page.getByRole("heading", { level: 1, name: "設定" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("zh-Hant");
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "設定" }).waitFor();
    await keepPicture(page, "settings-zh");
    await page.getByRole("radio", { name: "English" }).check();
    await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
    await page.close();
  });
});

async function tabTo(page: Page, selector: string): Promise<void> {
  for (let step = 0; step < 60; ++step) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab never came to ${selector}`);
}

// The mean difference per channel (0..255) between a frozen picture and the newest saved one.
function differenceToSaved(page: Page, frozen: string): Promise<number> {
  return page.evaluate(async (shown) => {
    const { samples } = (await (await fetch("/api/v1/datasets/pointing/samples?limit=1")).json()) as { samples: { id: string }[] };
    const saved = await createImageBitmap(await (await fetch(`/api/v1/datasets/pointing/samples/${samples[0]!.id}/image`)).blob());
    const image = new Image();
    image.src = shown;
    await image.decode();
    const pixels = (source: CanvasImageSource) => {
      const canvas = new OffscreenCanvas(saved.width, saved.height);
      const drawing = canvas.getContext("2d")!;
      drawing.drawImage(source, 0, 0, saved.width, saved.height);
      return drawing.getImageData(0, 0, saved.width, saved.height).data;
    };
    const [a, b] = [pixels(saved), pixels(image)];
    let sum = 0;
    for (let i = 0; i < a.length; ++i) sum += Math.abs(a[i]! - b[i]!);
    return (sum / a.length) * (4 / 3);
  }, frozen);
}

// Photos that people took, in place of the made scene.
const photos = process.env["DEIXIS_DATA"] ? join(process.env["DEIXIS_DATA"], "thumbs") : "";

describe.skipIf(!chromium_path || !program || !existsSync(photos))("the studio on a folder of photos (DEIXIS_DATA)", () => {
  it("imports, teaches, judges and watches", { timeout: 6 * jobMs }, async () => {
    const studio = await startStudio(program, `folder://${join(photos, "thumbs_up")}?fps=5`);
    const browser = await openBrowser();
    try {
      const brought = join(studio.folder, "photos");
      for (const kind of ["thumbs_up", "thumbs_down"]) {
        mkdirSync(join(brought, kind), { recursive: true });
        for (const file of readdirSync(join(photos, kind)).sort().slice(0, 12)) cpSync(join(photos, kind, file), join(brought, kind, file));
      }
      const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, locale: "en-GB" });
      page.setDefaultTimeout(jobMs);
      await page.goto(studio.link);
      await page.goto(studio.address + views.things);
      await page.getByRole("button", { name: /^Import/ }).click();
      await page.locator('input[type="file"]:not([accept])').setInputFiles(brought);
      await page.getByText("24 pictures added.").waitFor({ timeout: jobMs });
      await page.getByRole("button", { name: "Close" }).last().click();
      await page.getByRole("radio", { name: /^thumbs_down/ }).check();
      await page.locator(".thumbnails [role=option]").nth(11).waitFor();
      expect(await violations(page)).toEqual([]);
      await keepPicture(page, "photos-1-collect");
      // Out as a ZIP.
      await page.getByRole("button", { name: "Export the pictures" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Export" }).click();
      const download = page.waitForEvent("download", { timeout: jobMs });
      await page.getByRole("link", { name: "Save the ZIP" }).click({ timeout: jobMs });
      expect((await download).suggestedFilename()).toBe("things.zip");
      await page.keyboard.press("Escape");
      // The pictures are deleted, and come back from the archive.
      const archive = join(studio.folder, "things.zip");
      await (await download).saveAs(archive);
      await page.getByRole("button", { name: "Choose all" }).click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await expect.poll(() => page.locator(".thumbnails [role=option]").count(), { timeout: jobMs }).toBe(0);
      await page.getByRole("button", { name: /^Import/ }).click();
      await page.locator('input[type="file"][accept*=".zip"]').setInputFiles(archive);
      await expect.poll(() => page.locator(".thumbnails [role=option]").count(), { timeout: jobMs }).toBe(12);
      await page.keyboard.press("Escape");

      await page.goto(studio.address + views.teach);
      await page.getByLabel("Name of the model").fill("thumbs");
      await page.getByRole("button", { name: "Start", exact: true }).click();
      await page.getByText("thumbs is ready.").waitFor({ timeout: jobMs });
      await page.getByRole("link", { name: "Judge it" }).click();
      await page.getByRole("button", { name: "Judge", exact: true }).click();
      await page.getByRole("table", { name: /Confusion matrix/ }).waitFor({ timeout: jobMs });
      await keepPicture(page, "photos-2-results");
      await page.goto(studio.address + views.models);
      const card = page.locator(".models .card", { has: page.getByRole("heading", { name: "thumbs", exact: true }) });
      if (await card.getByRole("button", { name: "Use it" }).count()) await card.getByRole("button", { name: "Use it" }).click();
      await card.getByText("in use").waitFor();
      await page.goto(studio.address + views.live);
      await page.getByRole("button", { name: "Start", exact: true }).click();
      await page.locator(".likely li.best").first().waitFor({ timeout: jobMs });
      await keepPicture(page, "photos-3-live");
    } finally {
      await browser.close();
      await studio.stop();
    }
  });
});
