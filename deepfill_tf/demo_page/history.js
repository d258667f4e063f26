// Undo and redo of steps. A step is {patches, completion}: patches as `Layer.change` returns them,
// and for completions what the model said besides.

export class History {
  /** The oldest steps are forgotten once all patches together have more bytes than the limit. */
  constructor(limit = 600e6) {
    this.limit = limit;
    this.done = [];
    this.undone = [];
    // The last completion among the steps that were forgotten.
    this._forgotten = null;
  }

  /** Adds a step that was done; returns false, and adds none, if no patch says a change. */
  push(patches, completion = null) {
    const kept = patches.filter(Boolean);
    if (!kept.length) return false;
    this.done.push({ patches: kept, completion });
    this.undone = [];
    let bytes = this.done.reduce((sum, step) => sum + bytesOf(step), 0);
    while (bytes > this.limit && this.done.length > 1) {
      const step = this.done.shift();
      bytes -= bytesOf(step);
      this._forgotten = step.completion ?? this._forgotten;
    }
    return true;
  }

  /** Takes the last step back; returns it, or null if there is none. */
  undo() {
    const step = this.done.pop();
    if (!step) return null;
    for (const { layer, x, y, before } of step.patches.toReversed()) {
      layer.context.putImageData(before, x, y);
    }
    this.undone.push(step);
    return step;
  }

  /** Does the step again that was taken back last; returns it, or null if there is none. */
  redo() {
    const step = this.undone.pop();
    if (!step) return null;
    for (const { layer, x, y, after } of step.patches) layer.context.putImageData(after, x, y);
    this.done.push(step);
    return step;
  }

  /** The steps that are completions, done and not undone, the latest last. */
  get completions() {
    return this.done.filter((step) => step.completion);
  }

  /** What the model said at the last completion that was not undone, or null. */
  get lastCompletion() {
    return this.completions.at(-1)?.completion ?? this._forgotten;
  }
}

function bytesOf({ patches }) {
  return patches.reduce((sum, { before }) => sum + 2 * before.data.length, 0);
}
