// What the browser tests share: Chromium, the studio itself as a child process, and the checks that
// every page must pass.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";

export const chromium_path = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path));
export const screenshots = process.env["DEIXIS_SCREENSHOTS"];
const axe_path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromium_path!,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
  });
}

export interface Studio {
  // Signs in, once.
  link: string;
  // Without the token.
  address: string;
  folder: string;
  stop: () => Promise<void>;
}

const startMs = 30_000;

// `deixis studio` on a project of its own and a made scene; it tells its address on stdout.
export async function startStudio(program: string, camera = "scene://seed=3"): Promise<Studio> {
  const folder = mkdtempSync(join(tmpdir(), "deixis-studio-"));
  const child = spawn(program, ["studio", "--project", join(folder, "project"), "--camera", camera, "--listen", "127.0.0.1:0", "--threads", "1"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const link = await new Promise<string>((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /https?:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+/.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => reject(new Error(`deixis studio ended with ${code}: ${said}`)));
    setTimeout(() => reject(new Error(`deixis studio told no address: ${said}`)), startMs);
  });
  return { link, address: link.replace(/\?.*/, ""), folder, stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

// Ends the process of a job of this studio as a lack of memory would.
export function killJob(studio: Studio, program: string): boolean {
  for (const pid of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (!words[0]?.endsWith(program) || !words.some((each) => each.startsWith(studio.folder))) continue;
      process.kill(Number(pid), "SIGKILL");
      return true;
    } catch {
      // It has ended meanwhile.
    }
  }
  return false;
}

// A small network as somebody else might have it: a CIFAR ResNet-20 with weights drawn by a formula.
export function writeSmallNetwork(path: string): void {
  const tensors: [name: string, shape: number[], deviation: number, mean: number][] = [];
  const add = (name: string, shape: number[], deviation: number, mean = 0) => tensors.push([name, shape, deviation, mean]);
  const convolution = (conv: string, norm: string, from: number, to: number) => {
    add(`${conv}.weight`, [to, from, 3, 3], Math.sqrt(2 / (9 * from)));
    for (const [part, mean] of [["weight", 1], ["bias", 0], ["running_mean", 0], ["running_var", 1]] as const) add(`${norm}.${part}`, [to], 0, mean);
  };
  convolution("conv1", "bn1", 3, 16);
  let channels = 16;
  for (const [stage, to] of [16, 32, 64].entries()) {
    for (let block = 0; block < 3; ++block) {
      const name = `layer${stage + 1}.${block}`;
      convolution(`${name}.conv1`, `${name}.bn1`, channels, to);
      convolution(`${name}.conv2`, `${name}.bn2`, to, to);
      channels = to;
    }
  }
  add("linear.weight", [10, 64], 0.1);
  add("linear.bias", [10], 0.1);
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = {};
  const values: number[] = [];
  for (const [name, shape, deviation, mean] of tensors) {
    const from = values.length;
    const count = shape.reduce((product, each) => product * each, 1);
    for (let i = 0; i < count; ++i) values.push(mean + deviation * Math.sqrt(12) * uniform());
    header[name] = { dtype: "F32", shape, data_offsets: [4 * from, 4 * values.length] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, Buffer.from(Float32Array.from(values).buffer)]));
}

// What a page must not do: raise an error, or ask anybody but the studio for anything.
export function watchFaults(page: Page, allowed: RegExp): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => {
    if (!allowed.test(request.url())) faults.push(`asked for ${request.url()}`);
  });
  return faults;
}

interface Axe {
  run(context: object, options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>;
}

// The rules of WCAG 2.2 AA and the best practices of axe. The page's policy forbids foreign scripts, so
// axe is put in past it.
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await import("node:fs").then(({ readFileSync }) => readFileSync(axe_path, "utf8")));
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: Axe };
    const { violations } = await axe.run(document, {});
    return violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.html.slice(0, 160)} (${(node.failureSummary ?? "").replace(/\s+/g, " ").slice(0, 200)})`).join(" | ")}`);
  });
}

export async function keepPicture(page: Page, name: string): Promise<void> {
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}
