// A study's page in a real browser. DEIXIS_STUDY_PAGE names the index.html that `deixis study` wrote;
// screenshots go to DEIXIS_SCREENSHOTS when it is set. Skips by name where there is no Chromium.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRequire } from "node:module";
import type { StudyReport } from "../src/report/data";

const page_path = process.env["DEIXIS_STUDY_PAGE"] ?? "";
const screenshots = process.env["DEIXIS_SCREENSHOTS"];
const chromium_path = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const axe_path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe.skipIf(!chromium_path || !page_path)("the page of a study", () => {
  let browser: Browser;
  let report: StudyReport;

  beforeAll(async () => {
    report = JSON.parse(readFileSync(join(dirname(page_path), "study.json"), "utf8")) as StudyReport;
    browser = await chromium.launch({
      executablePath: chromium_path!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("request", (request) => {
      if (!/^(file|data|blob):/.test(request.url())) faults.push(`asked the network for ${request.url()}`);
    });
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
    if (screenshots) await page.screenshot({ path: join(screenshots, "study.png"), fullPage: true });
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
    await page.addScriptTag({ path: axe_path });
    const violations = await page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
      return (await axe.run()).violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
    });
    if (screenshots) await page.screenshot({ path: join(screenshots, `study-${colorScheme}.png`), fullPage: true });
    expect(violations).toEqual([]);
  });

  it.each([390, 640])("does not scroll sideways at %i pixels", async (width) => {
    const { page } = await open({ viewport: { width, height: 800 } });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
