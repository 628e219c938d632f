// What the studio's page weighs, every language and plot included. DEIXIS_WEB_OUT is the folder of the
// built pages; skips by name without it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const folder = join(process.env["DEIXIS_WEB_OUT"] ?? "", "studio");
const built = process.env["DEIXIS_WEB_OUT"] !== undefined && existsSync(join(folder, "index.html"));

describe.skipIf(!built)("the built page", () => {
  const files = built ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => /\.\w+$/.test(path)) : [];
  const text = (path: string) => readFileSync(join(folder, path), "utf8");

  it("weighs less than 300 kB gzipped in all", () => {
    const total = files.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0);
    expect(total).toBeGreaterThan(50_000);
    expect(total).toBeLessThan(300_000);
  });
  it("needs less than 100 kB for its first paint: no plot, one language", () => {
    const first = [...text("index.html").matchAll(/"\/(assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(first.length).toBeGreaterThan(1);
    expect(first.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0)).toBeLessThan(100_000);
  });
  it("holds nothing inline and asks nobody else", () => {
    const page = text("index.html");
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
    for (const path of ["index.html", ...files.filter((each) => each.endsWith(".css"))]) expect(text(path), path).not.toMatch(/(?:src|href)="(?:https?:)?\/\/|url\(["']?(?:https?:)?\/\//);
  });
});
