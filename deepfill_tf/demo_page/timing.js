// How far a completion is, by how long earlier ones took.

export class Timing {
  /** show: called with a share in [0, 1], or null while nothing is known. */
  constructor(show) {
    this.show = show;
    // Milliseconds per pixel, once one crop was measured.
    this.rate = null;
  }

  /** A crop begins: number `index` of `count`, with so many pixels. */
  begin({ index, count, pixels }) {
    this.end();
    this.pixels = pixels;
    if (this.rate === null) {
      this.show(null);
      return;
    }
    const started = performance.now();
    const expected = this.rate * pixels;
    this._timer = setInterval(() => {
      const share = Math.min((performance.now() - started) / expected, 0.97);
      this.show((index + share) / count);
    }, 100);
  }

  /** Awaits what computes the crop. */
  async measured(compute) {
    const started = performance.now();
    const result = await compute();
    this.rate = (performance.now() - started) / this.pixels;
    return result;
  }

  end() {
    clearInterval(this._timer);
  }
}
