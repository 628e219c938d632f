// Runs an ONNX file once in ONNX Runtime on the CPU:
//
//   node run.mjs MODEL.onnx INPUT.f32 N,C,H,W OUTPUT.f32 [OPTIMIZED.onnx]
//
// INPUT and OUTPUT are raw little-endian floats. The first input and the first output are used. Prints
// "name: shape" of both. OPTIMIZED: what the engine made of the graph, with its own operations.
import { readFile, writeFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";

const [modelPath, inputPath, shapeText, outputPath, optimizedPath] = process.argv.slice(2);
const shape = shapeText.split(",").map(Number);
const bytes = await readFile(inputPath);
const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

const session = await InferenceSession.create(modelPath, {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  logSeverityLevel: 3, // it warns that an optimized file suits this machine alone
  ...(optimizedPath && { optimizedModelFilePath: optimizedPath }),
});
const [inputName] = session.inputNames;
const [outputName] = session.outputNames;
const outputs = await session.run({ [inputName]: new Tensor("float32", values, shape) });
const output = outputs[outputName];
await writeFile(outputPath, Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
console.log(`${inputName}: ${shape}`);
console.log(`${outputName}: ${output.dims}`);
