// ONNX Runtime in the comparison, as engine.h describes:
//
//   node onnxruntime_engine.mjs MODEL.onnx PIXELS INPUT THREADS
//
// The package is the one that tests/integration/onnx installs. Its native binding is called
// directly: `session.run` would add a turn of the event loop and the making of tensor objects to
// every run. Input and output tensors are made once and used again, all graph optimizations are on,
// and the threads spin between a run's operations, as is the default.
import { readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../tests/integration/onnx/package.json", import.meta.url));
const { Tensor } = require("onnxruntime-common");
const { binding, initOrt } = require(
  require.resolve("onnxruntime-node").replace(/index\.js$/, "binding.js"));

const [modelPath, , inputPath, threads] = process.argv.slice(2);

const idleRssBytes = process.memoryUsage.rss();
const start = process.hrtime.bigint();
initOrt();
const session = new binding.InferenceSession();
session.loadModel(modelPath, {
  executionProviders: ["cpu"],
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  enableCpuMemArena: true,
  enableMemPattern: true,
});
const bytes = readFileSync(inputPath);
const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const feeds = { [session.inputMetadata[0].name]: new Tensor("float32", values, [1, 3, 224, 224]) };
const outputName = session.outputMetadata[0].name;
const first = session.run(feeds, { [outputName]: null }, {})[outputName];
const loadMs = Number(process.hrtime.bigint() - start) / 1e6;
const logits = Array.from(first.data ?? first.cpuData ?? first[2]);
const fetches = { [outputName]: new Tensor("float32", new Float32Array(logits.length), [1, logits.length]) };
process.stdout.write(
  JSON.stringify({ load_ms: loadMs, idle_rss_bytes: idleRssBytes, logits }) + "\n");

// The next line of standard input, or null at its end.
function readLine() {
  const byte = Buffer.alloc(1);
  let line = "";
  while (readSync(0, byte, 0, 1, null) === 1) {
    if (byte[0] === 10) return line;
    line += String.fromCharCode(byte[0]);
  }
  return null;
}

for (let line = readLine(); line !== null; line = readLine()) {
  const [, numUncounted, numCounted] = line.match(/^run (\d+) (\d+)$/).map(Number);
  for (let run = 0; run < numUncounted; ++run) session.run(feeds, fetches, {});
  const ns = [];
  for (let run = 0; run < numCounted; ++run) {
    const before = process.hrtime.bigint();
    session.run(feeds, fetches, {});
    ns.push(Number(process.hrtime.bigint() - before));
  }
  process.stdout.write(JSON.stringify({ ns }) + "\n");
}
