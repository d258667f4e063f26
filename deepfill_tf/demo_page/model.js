// The model as the page sees it: calls that a worker answers.

import { Refused } from "./image_header.js";

/** A call that was stopped by `Model.stop`. */
export class Stopped extends Error {}

export class Model {
  /** url: of the ONNX file. backend: "wasm" or "webgpu"; else WebGPU where there is a device. */
  constructor(url, backend) {
    this.url = url;
    this.backend = backend;
    this.info = null;
    this.onProgress = () => {};
  }

  /**
   * Resolves once the model is loaded. Throws Refused if the file cannot be loaded or is no
   * inpainting model.
   * onProgress is called with {received, total} in bytes.
   */
  async load() {
    this._calls = new Map();
    this._worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this._worker.onmessage = ({ data }) => this._answered(data);
    this._worker.onerror = (event) => {
      for (const { reject } of this._calls.values()) reject(new Error(event.message || "no reply"));
    };
    const url = new URL(this.url, document.baseURI).href;
    const info = await this._call("load", { url, wanted: this.backend }).catch((error) => {
      if (error instanceof Stopped) throw error;
      throw new Refused(`The model cannot be loaded: ${error.message}`);
    });
    if (!["image", "mask"].every((name) => info.inputs.includes(name)) || !info.outputs.includes("completed")) {
      throw new Refused("The model file does not take `image` and `mask` and return `completed`.");
    }
    if (!info.hasFreeSize) throw new Refused("The model file takes images of one size only.");
    if (![1, 3].includes(info.channels)) {
      throw new Refused(`The model file takes images of ${info.channels} channels, not of 3 or 1.`);
    }
    this.info = { ...info, guided: info.inputs.includes("sketch") };
  }

  /**
   * Completes {image, mask, sketch}, each {data, dims}, an RGB image; returns the outputs alike,
   * with one channel if the model is of grey images.
   */
  async run({ image, mask, sketch }) {
    const inputs = { image: this.info.channels === 1 ? greyOf(image) : image, mask };
    if (this.info.guided) inputs.sketch = sketch;
    const { backend, ...outputs } = await this._call("run", inputs);
    if (backend) this.info.backend = backend;
    return outputs;
  }

  /** Stops what is running, which throws Stopped; the model has to be loaded again. */
  stop() {
    this._worker.terminate();
    this.info = null;
    for (const { reject } of this._calls.values()) reject(new Stopped("Stopped."));
    this._calls.clear();
  }

  _call(command, argument) {
    const id = crypto.getRandomValues(new Uint32Array(1))[0];
    return new Promise((resolve, reject) => {
      this._calls.set(id, { resolve, reject });
      this._worker.postMessage({ id, command, argument });
    });
  }

  _answered({ id, progress, result, error }) {
    const call = this._calls.get(id);
    if (!call) return;
    if (progress) {
      this.onProgress(progress);
      return;
    }
    this._calls.delete(id);
    if (error !== undefined) call.reject(new Error(error));
    else call.resolve(result);
  }
}

/** An RGB image as grey, with the weights of ITU-R BT.601. */
function greyOf({ data, dims: [count, height, width] }) {
  const grey = new Uint8Array(count * height * width);
  for (let i = 0; i < grey.length; i += 1) {
    const [red, green, blue] = data.subarray(3 * i, 3 * i + 3);
    grey[i] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  return { data: grey, dims: [count, height, width, 1] };
}
