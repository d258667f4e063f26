// The tools: which layer each draws on, and what.

export const TOOLS = {
  brush: { layer: "mask", kind: "stroke", key: "b" },
  eraser: { layer: "mask", kind: "stroke", key: "e", erase: true },
  box: { layer: "mask", kind: "box", key: "r" },
  lasso: { layer: "mask", kind: "lasso", key: "l" },
  pen: { layer: "sketch", kind: "stroke", key: "p" },
  rubber: { layer: "sketch", kind: "stroke", key: "x", erase: true },
};

/** A selected tool with its sizes, in pixels of the photograph. */
export class ToolBox {
  constructor() {
    this.name = "brush";
    this.sizes = { mask: 40, sketch: 3 };
  }

  get tool() {
    return TOOLS[this.name];
  }

  /** Whether the tool has a size. */
  get isBrush() {
    return this.tool.kind === "stroke";
  }

  get size() {
    return this.sizes[this.tool.layer];
  }

  set size(size) {
    this.sizes[this.tool.layer] = Math.min(Math.max(Math.round(size), 1), this.maxSize);
  }

  /** Makes the tool larger or smaller by a factor, but at least by one pixel. */
  grow(factor) {
    const { size } = this;
    const wanted = Math.round(size * factor);
    this.size = wanted === size ? size + Math.sign(factor - 1) : wanted;
  }

  get maxSize() {
    return this.tool.layer === "mask" ? 400 : 40;
  }

  /** Sizes that suit a photograph with a longer side of this many pixels. */
  suit(side) {
    this.sizes = {
      mask: Math.min(Math.max(Math.round(side / 16), 8), 400),
      sketch: Math.min(Math.max(Math.round(side / 256), 2), 40),
    };
  }

  /** The shape that begins at a point; `erase` turns a brush around, as a pen's other end does. */
  begin(point, erase = false) {
    const { kind, layer } = this.tool;
    return { layer, kind, points: [point], size: this.size, erase: erase || !!this.tool.erase };
  }
}
