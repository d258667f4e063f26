// A photograph being edited: its layers, what is drawn on them, and what is shown.

import { completeHoles } from "./completion.js";
import { onColor } from "./files.js";
import { History } from "./history.js";
import { Layer } from "./layer.js";
import { boundsOf, drawShape } from "./shapes.js";
import { ToolBox } from "./tools.js";

/** Dispatches "change" whenever something changes that is shown. */
export class Editor extends EventTarget {
  constructor() {
    super();
    this.layers = null;
    this.original = null;
    this.name = "";
    this.history = new History();
    // The last completion that was saved.
    this.saved = null;
    this.toolBox = new ToolBox();
    this.shape = null;
    this.isComparing = false;
    this.isBusy = false;
    this._shown = "completed";
  }

  get isOpen() {
    return !!this.layers;
  }

  /** {width, height} of the photograph. */
  get size() {
    return this.layers.image.canvas;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Opens a decoded image, an ImageBitmap, in place of the present one. */
  open(bitmap, name) {
    const { width, height } = bitmap;
    const image = Layer.of(onColor(bitmap, "white"));
    // What is shown as painted is the hole: soft edges beside it would outlast its completion.
    const mask = new Layer(width, height, { isHard: true });
    this.layers = { image, mask, sketch: new Layer(width, height) };
    this.original?.close();
    this.original = bitmap;
    this.name = name;
    this.history = new History();
    this.saved = null;
    this.toolBox.suit(Math.max(width, height));
    this.shape = null;
    this.shown = "completed";
  }

  // Drawing.

  /** Begins a shape at a point of the photograph. */
  begin(point, erase = false) {
    if (!this.isOpen || this.isBusy) return;
    // What the keyboard began is kept.
    this.end();
    this._shown = "completed";
    this.shape = this.toolBox.begin(point, erase);
    this.changed();
  }

  extend(...points) {
    if (!this.shape) return;
    this.shape.points.push(...points);
    this.changed();
  }

  /** Puts the shape on its layer; dispatches "painted" if that changes something. */
  end() {
    if (!this.shape) return;
    const { shape } = this;
    this.shape = null;
    const draw = (context) => drawShape(context, shape, "#fff");
    const isChanged = this.history.push([this.layers[shape.layer].change(boundsOf(shape), draw)]);
    this.changed();
    if (isChanged) this.dispatchEvent(new Event("painted"));
  }

  /** Forgets the shape that is being drawn; returns whether there was one. */
  cancel() {
    const was = this.shape;
    this.shape = null;
    this.changed();
    return !!was;
  }

  /** Removes what is painted and sketched; returns whether there was something. */
  clear() {
    if (!this.isOpen || this.isBusy) return false;
    this.shape = null;
    const isChanged = this.history.push([this.layers.mask.clear(), this.layers.sketch.clear()]);
    this.shown = "completed";
    return isChanged;
  }

  /** Replaces the mask by ImageData of the photograph's size. */
  replaceMask(pixels) {
    const { mask } = this.layers;
    this.history.push([mask.change(mask.box, (context) => context.putImageData(pixels, 0, 0))]);
    this.shown = "completed";
  }

  undo() {
    if (this.isBusy || this.cancel()) return false;
    const step = this.history.undo();
    this.shown = "completed";
    return !!step;
  }

  redo() {
    if (this.isBusy || this.shape) return false;
    const step = this.history.redo();
    this.shown = "completed";
    return !!step;
  }

  // Completion.

  /** Whether there is a completion that was not saved. */
  get isUnsaved() {
    const last = this.history.lastCompletion;
    return !!last && last !== this.saved;
  }

  /** Remembers that the completed image was saved. */
  markSaved() {
    this.saved = this.history.lastCompletion;
  }

  /** Completes the painted holes as one step of the history; see completeHoles. */
  async complete(run, limit, onCrop) {
    this.isBusy = true;
    this.end();
    this.changed();
    try {
      const { patches, views } = await completeHoles(this.layers, run, limit, onCrop);
      this.history.push(patches, { views });
      this._shown = "completed";
    } finally {
      this.isBusy = false;
      this.changed();
    }
  }

  /**
   * Returns a canvas with the mask, white on black: what is painted, or where nothing is, the holes
   * that were completed.
   */
  maskCanvas() {
    const context = onColor(this.layers.mask.canvas, "black");
    const pixels = context.getImageData(0, 0, this.size.width, this.size.height);
    let isEmpty = true;
    for (let i = 0; i < pixels.data.length; i += 4) {
      const isHole = pixels.data[i] > 127;
      isEmpty &&= !isHole;
      pixels.data.fill(isHole ? 255 : 0, i, i + 3);
    }
    context.putImageData(pixels, 0, 0);
    if (isEmpty) this._drawCompletedHoles(context);
    return context.canvas;
  }

  _drawCompletedHoles(context) {
    for (const { patches } of this.history.completions) {
      for (const { layer, x, y, before } of patches) {
        if (layer !== this.layers.mask) continue;
        const holes = context.getImageData(x, y, before.width, before.height);
        for (let i = 0; i < holes.data.length; i += 4) {
          if (before.data[i + 3] > 127) holes.data.fill(255, i, i + 3);
        }
        context.putImageData(holes, x, y);
      }
    }
  }

  // What is shown.

  /** The views that there are: of the original, completed, and of the last completion. */
  get viewNames() {
    const last = this.history.lastCompletion;
    return last ? ["original", ...Object.keys(last.views), "completed"] : [];
  }

  get shown() {
    return this.isComparing ? "original" : this._shown;
  }

  set shown(name) {
    this._shown = name;
    this.changed();
  }

  compare(isComparing) {
    this.isComparing = isComparing && this.isOpen;
    this.changed();
  }

  /** What `View.draw` draws, but for the cursor and the tint. */
  scene() {
    const { image, mask, sketch } = this.layers;
    const isEditing = this.shown === "completed";
    return {
      image: this.shown === "original" ? this.original : image.canvas,
      pieces: this.history.lastCompletion?.views[this.shown] ?? [],
      mask: isEditing ? mask.canvas : null,
      sketch: isEditing ? sketch.canvas : null,
      shape: this.shape,
    };
  }
}
