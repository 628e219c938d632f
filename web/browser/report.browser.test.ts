// A study's page in a real browser. DEIXIS_STUDY_PAGE names the index.html that `deixis study` wrote;
// screenshots go to DEIXIS_SCREENSHOTS when it is set. Skips by name where there is no Chromium.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StudyReport } from "../src/report/data";
import { chromium_path, keepPicture, openBrowser, violations, watchFaults } from "./harness";

const page_path = process.env["DEIXIS_STUDY_PAGE"] ?? "";

describe.skipIf(!chromium_path || !page_path)("the page of a study", () => {
  let browser: Browser;
  let report: StudyReport;

  beforeAll(async () => {
    report = JSON.parse(readFileSync(join(dirname(page_path), "study.json"), "utf8")) as StudyReport;
    browser = await openBrowser();
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    const faults = watchFaults(page, /^(file|data|blob):/);
    await page.goto(pathToFileURL(page_path).href);
    await page.locator("svg[role=img]").first().waitFor();
    return { page, faults };
  }

  it("draws every plot, asks nothing of the network, and raises no error", async () => {
    const { page, faults } = await open();
    const stems = page.locator(".stems svg[role=img]");
    expect(await stems.count()).toBe(3);
    for (const index of [0, 1, 2]) {
      expect(await stems.nth(index).locator("circle").count()).toBe(report.layer.weights_per_node);
    }
    const plans = page.locator("section").nth(1).locator("svg[role=img]");
    expect(await plans.count()).toBe(report.network.length > 0 ? 1 : 0);
    await keepPicture(page, "study");
    expect(faults).toEqual([]);
  });

  it("shows the figures of study.json", async () => {
    const { page } = await open();
    const rows = page.getByRole("table", { name: "Weights shared" }).getByRole("row");
    expect(await rows.count()).toBe(report.layer.cases.length + 2);
    const figure = (score: number) => (report.metric.kind === "top1" ? `${(100 * score).toFixed(2)} %` : `${score.toFixed(2)} px`);
    for (const [index, each] of report.layer.cases.entries()) {
      expect(await rows.nth(index + 2).innerText()).toContain(figure(each.score));
    }
  });

  it("follows the keyboard from one K to another and from node to node", async () => {
    const { page } = await open();
    const first = report.layer.cases[0]!;
    await page.getByRole("radio", { name: String(report.layer.cases.at(-1)!.centroids), exact: true }).focus();
    for (let step = 1; step < report.layer.cases.length; ++step) await page.keyboard.press("ArrowLeft");
    const caption = page.getByRole("table", { name: /^Codebook of/ }).locator("caption");
    expect(await caption.innerText()).toContain(`K = ${first.centroids}`);
    const centroids = page.getByRole("table", { name: /^Codebook of/ }).getByRole("row").nth(1).getByRole("cell");
    expect(await centroids.count()).toBe(first.centroids);
    if (report.layer.nodes_included > 1) {
      const before = await centroids.first().innerText();
      await page.getByLabel("Output node").selectOption("1");
      expect(await centroids.first().innerText()).not.toBe(before);
    }
  });

  it.each(["light", "dark"] as const)("has no accessibility violation in %s", async (colorScheme) => {
    const { page } = await open({ colorScheme });
    await keepPicture(page, `study-${colorScheme}`);
    expect(await violations(page)).toEqual([]);
  });

  it.each([390, 640])("does not scroll sideways at %i pixels", async (width) => {
    const { page } = await open({ viewport: { width, height: 800 } });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
