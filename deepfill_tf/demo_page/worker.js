// The model in a worker, so that the page never waits for it. Messages are {id, command, argument};
// answers are {id, progress}, and at last {id, result} or {id, error}.

import { propertiesOf } from "./onnx_properties.js";
import * as ort from "./onnxruntime/ort.webgpu.min.mjs";

const MAX_THREADS = 8;

ort.env.logLevel = "error";
ort.env.wasm.wasmPaths = new URL("./onnxruntime/", import.meta.url).href;
// Without isolation the browser has no shared memory, and so no threads.
ort.env.wasm.numThreads = self.crossOriginIsolated
  ? Math.min(navigator.hardwareConcurrency, MAX_THREADS)
  : 1;

let session = null;
let backend = null;
let model = null;
let offsetsStride = null;

const COMMANDS = { load, run };

self.onmessage = async ({ data: { id, command, argument } }) => {
  try {
    const progress = (value) => self.postMessage({ id, progress: value });
    self.postMessage({ id, result: await COMMANDS[command](argument, progress) });
  } catch (error) {
    self.postMessage({ id, error: error.message ?? String(error) });
  }
};

/** Loads the model from url; wanted: "wasm" or "webgpu", else WebGPU if there is a device. */
async function load({ url, wanted }, progress) {
  model = await fetched(url, progress);
  offsetsStride = Number(propertiesOf(model).offsets_stride ?? 0);
  if (wanted === "webgpu" || (wanted !== "wasm" && (await hasGpu()))) {
    try {
      await start("webgpu");
    } catch {
      await start("wasm");
    }
  } else {
    await start("wasm");
  }
  const sizes = session.inputMetadata.find(({ name }) => name === "image")?.shape ?? [];
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    channels: sizes[3],
    hasFreeSize: sizes.length === 4 && [1, 2].every((i) => typeof sizes[i] !== "number"),
    backend,
    threads: ort.env.wasm.numThreads,
    version: ort.env.versions.common,
  };
}

async function fetched(url, progress) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.split("/").pop()}: ${response.status} ${response.statusText}`);
  const total = Number(response.headers.get("Content-Length"));
  const parts = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    progress({ received, total });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter();
  // A device that is emulated by the processor is slower than the processor.
  const { isFallbackAdapter, architecture } = adapter?.info ?? {};
  return !!adapter && !isFallbackAdapter && !/swiftshader|llvmpipe|warp/i.test(architecture);
}

async function start(name) {
  await session?.release();
  // Without the level it writes to the console which operations WebGPU leaves to WebAssembly.
  const options = { executionProviders: [name], logSeverityLevel: 3 };
  session = await ort.InferenceSession.create(model, options);
  backend = name;
}

/**
 * Completes one image; takes and returns {name: {data, dims}}. `offsets` have a `stride` besides:
 * pixels of the image per position; they are left out if the model's file does not say it.
 */
async function run(inputs) {
  try {
    return await outputsOf(inputs);
  } catch (error) {
    if (backend === "wasm") throw error;
    // A driver that fails, or a GPU with too little memory.
    await start("wasm");
    return { ...(await outputsOf(inputs)), backend };
  }
}

async function outputsOf(inputs) {
  const feeds = Object.entries(inputs).map(([name, { data, dims }]) => [
    name,
    new ort.Tensor("uint8", data, dims),
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  const outputs = {};
  for (const [name, tensor] of Object.entries(results)) {
    outputs[name] = { data: await tensor.getData(), dims: tensor.dims };
    tensor.dispose();
  }
  if (outputs.offsets) outputs.offsets.stride = offsetsStride;
  if (!offsetsStride) delete outputs.offsets;
  return outputs;
}
