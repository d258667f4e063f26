// A layer of pixels whose changes are patches, which a history can undo.

import { Refused } from "./image_header.js";

export class Layer {
  /**
   * A transparent layer; it is as large as the photograph. isHard: its pixels become opaque or
   * transparent, whichever is nearer, when they change.
   */
  constructor(width, height, { isHard = false } = {}) {
    this.isHard = isHard;
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    if (!this.context) throw new Refused("This browser has too little memory for this image.");
  }

  /** A layer on a canvas that holds an image. */
  static of(context) {
    const layer = Object.create(Layer.prototype);
    return Object.assign(layer, { context, canvas: context.canvas });
  }

  get box() {
    return { x: 0, y: 0, width: this.canvas.width, height: this.canvas.height };
  }

  /**
   * Calls draw(context), which changes pixels in a box only, and returns the patch: what was
   * there before and after. Returns null if nothing changed.
   */
  change(box, draw) {
    const { x, y, width, height } = intersection(box, this.box);
    if (width <= 0 || height <= 0) return null;
    const before = this.context.getImageData(x, y, width, height);
    this.context.save();
    draw(this.context);
    this.context.restore();
    const after = this.context.getImageData(x, y, width, height);
    if (this.isHard) {
      harden(after);
      this.context.putImageData(after, x, y);
    }
    const [old, present] = [before, after].map(({ data }) => new Uint32Array(data.buffer));
    return old.some((pixel, i) => pixel !== present[i]) ? { layer: this, x, y, before, after } : null;
  }

  /** Empties the layer inside a box; returns the patch, or null if nothing was there. */
  clear({ x, y, width, height } = this.box) {
    return this.change({ x, y, width, height }, (context) => context.clearRect(x, y, width, height));
  }

  read({ x, y, width, height }) {
    return this.context.getImageData(x, y, width, height);
  }
}

function harden({ data }) {
  for (let i = 0; i < data.length; i += 4) data.fill(data[i + 3] > 127 ? 255 : 0, i, i + 4);
}

/** The smallest box of whole pixels around a box, as far as it lies inside another. */
function intersection(box, outer) {
  const x = Math.max(Math.floor(box.x), outer.x);
  const y = Math.max(Math.floor(box.y), outer.y);
  const right = Math.min(Math.ceil(box.x + box.width), outer.x + outer.width);
  const bottom = Math.min(Math.ceil(box.y + box.height), outer.y + outer.height);
  return { x, y, width: right - x, height: bottom - y };
}
