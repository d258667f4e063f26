// The photograph on the screen: which part is seen, and how it is drawn.

import { drawShape } from "./shapes.js";

const MAX_SCALE = 32;
const MARGIN = 24;

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.overlay = document.createElement("canvas");
    // Pixels of the screen per pixel of the photograph, and where its corner is.
    this.scale = 1;
    this.x = 0;
    this.y = 0;
  }

  /** Pixels of the screen per CSS pixel. */
  get ratio() {
    return window.devicePixelRatio || 1;
  }

  /**
   * Takes the size of the element on the page; returns whether it changed. A photograph, of a size
   * {width, height}, keeps its middle, and still fits if it did.
   */
  resize(size) {
    const { width, height } = this.canvas.getBoundingClientRect();
    const wanted = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    const before = [this.canvas.width, this.canvas.height];
    if (wanted[0] === before[0] && wanted[1] === before[1]) return false;
    const isFitting = size && this.scale === this.fittingScale(size);
    for (const canvas of [this.canvas, this.overlay]) [canvas.width, canvas.height] = wanted;
    this.x += (wanted[0] - before[0]) / 2;
    this.y += (wanted[1] - before[1]) / 2;
    if (isFitting) this.fit(size);
    else if (size) this.keepInSight(size);
    return true;
  }

  /** Scale at which the whole photograph is seen. */
  fittingScale({ width, height }) {
    const margin = 2 * MARGIN * this.ratio;
    const room = [this.canvas.width - margin, this.canvas.height - margin];
    return Math.max(Math.min(room[0] / width, room[1] / height, 4 * this.ratio), 1e-3);
  }

  fit(size) {
    this.scale = this.fittingScale(size);
    this.x = (this.canvas.width - size.width * this.scale) / 2;
    this.y = (this.canvas.height - size.height * this.scale) / 2;
  }

  /**
   * Zooms around a point of the page, in CSS pixels of the element. Zooming out ends with the whole
   * photograph in the middle.
   */
  zoom(factor, point, size) {
    if (factor < 1 && this.scale * factor <= this.fittingScale(size)) {
      this.fit(size);
      return;
    }
    const scale = Math.min(this.scale * factor, MAX_SCALE * this.ratio);
    const [x, y] = [point.x * this.ratio, point.y * this.ratio];
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.keepInSight(size);
  }

  pan(dx, dy, size) {
    this.x += dx * this.ratio;
    this.y += dy * this.ratio;
    this.keepInSight(size);
  }

  /** The point of the photograph in the middle of the screen. */
  get middle() {
    const { width, height } = this.canvas;
    return { x: (width / 2 - this.x) / this.scale, y: (height / 2 - this.y) / this.scale };
  }

  /** Moves the photograph so that one of its points is seen. */
  show({ x, y }, size) {
    const rest = MARGIN * this.ratio;
    const beyond = (at, end) => Math.min(at - rest, 0) || Math.max(at - end + rest, 0);
    this.x -= beyond(x * this.scale + this.x, this.canvas.width);
    this.y -= beyond(y * this.scale + this.y, this.canvas.height);
    this.keepInSight(size);
  }

  /** Some of the photograph stays on the screen. */
  keepInSight({ width, height }) {
    const rest = 2 * MARGIN * this.ratio;
    this.x = Math.min(Math.max(this.x, rest - width * this.scale), this.canvas.width - rest);
    this.y = Math.min(Math.max(this.y, rest - height * this.scale), this.canvas.height - rest);
  }

  /** A point of the page, in CSS pixels of the element, in pixels of the photograph. */
  toImage({ x, y }) {
    return { x: (x * this.ratio - this.x) / this.scale, y: (y * this.ratio - this.y) / this.scale };
  }

  /**
   * Draws a scene.
   *
   * scene: {image, pieces, mask, sketch, shape, cursor, tint}. pieces: [{x, y, canvas}] over the
   * image. mask, sketch: canvases, or null where they are not shown. shape: what is being drawn,
   * or null. cursor: {x, y, size, isKeyboard} or null.
   */
  draw({ image, pieces, mask, sketch, shape, cursor, tint }) {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    this._transform(context);
    context.drawImage(image, 0, 0);
    for (const { x, y, canvas: piece } of pieces) context.drawImage(piece, x, y);
    if (mask) this._drawMarks(mask, sketch, shape, tint);
    if (cursor) this._drawCursor(cursor);
  }

  _transform(context) {
    context.setTransform(this.scale, 0, 0, this.scale, this.x, this.y);
    context.imageSmoothingEnabled = this.scale < 2 * this.ratio;
    context.imageSmoothingQuality = "medium";
  }

  /** The holes as a tint, and the lines of the sketch inside them. */
  _drawMarks(mask, sketch, shape, tint) {
    const paint = (layer, color, opacity, within) => {
      const context = this.overlay.getContext("2d");
      context.save();
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.overlay.width, this.overlay.height);
      this._transform(context);
      context.drawImage(layer, 0, 0);
      if (shape && (shape.layer === "sketch") === (layer === sketch)) {
        drawShape(context, shape, "#fff");
      }
      if (within) {
        context.globalCompositeOperation = "destination-in";
        context.drawImage(within, 0, 0);
      }
      context.globalCompositeOperation = "source-in";
      context.fillStyle = color;
      context.fillRect(0, 0, layer.width, layer.height);
      context.restore();
      this.context.save();
      this.context.setTransform(1, 0, 0, 1, 0, 0);
      this.context.globalAlpha = opacity;
      this.context.drawImage(this.overlay, 0, 0);
      this.context.restore();
    };
    paint(mask, tint, 0.6);
    if (sketch) paint(sketch, "#fff", 1, mask);
  }

  /** An outline that is seen on light and on dark. */
  _drawCursor({ x, y, size, isKeyboard }) {
    const { context, ratio } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    const [left, top] = [x * this.scale + this.x, y * this.scale + this.y];
    const radius = Math.max((size * this.scale) / 2, 2 * ratio);
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    if (isKeyboard) {
      const reach = radius + 8 * ratio;
      context.moveTo(left - reach, top);
      context.lineTo(left + reach, top);
      context.moveTo(left, top - reach);
      context.lineTo(left, top + reach);
    }
    for (const [color, width] of [["rgba(0, 0, 0, 0.7)", 3], ["#fff", 1.5]]) {
      context.strokeStyle = color;
      context.lineWidth = width * ratio;
      context.stroke();
    }
  }
}
