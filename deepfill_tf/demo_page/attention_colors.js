// Attention offsets as colours: the wheel of optical flow, as deepfill_tf.ops.offsets_to_color.

// Length of each ramp: red to yellow, green, cyan, blue, magenta and back to red.
const RAMPS = [15, 6, 4, 11, 13, 6];

const WHEEL = RAMPS.flatMap((length, ramp) =>
  Array.from({ length }, (_, i) => {
    const rising = Math.floor((255 * i) / length);
    const color = [0, 0, 0];
    color[(Math.floor(ramp / 2) + (ramp % 2)) % 3] = 255;
    color[(7 - ramp) % 3] = ramp % 2 ? 255 - rising : rising;
    return color.map((value) => value / 255);
  })
);

/**
 * Returns RGB, uint8, of offsets (row, column). Hue is the direction; an offset of zero is white,
 * and the longest has full colour.
 */
export function colorsOf(offsets) {
  const count = offsets.length / 2;
  let longest = Number.EPSILON;
  for (let i = 0; i < count; i += 1) {
    longest = Math.max(longest, Math.hypot(Number(offsets[2 * i]), Number(offsets[2 * i + 1])));
  }
  const colors = new Uint8Array(3 * count);
  for (let i = 0; i < count; i += 1) {
    const row = Number(offsets[2 * i]) / longest;
    const column = Number(offsets[2 * i + 1]) / longest;
    const radius = Math.hypot(row, column);
    const position = ((Math.atan2(-column, -row) / Math.PI + 1) / 2) * (WHEEL.length - 1);
    const lower = Math.floor(position);
    const share = position - lower;
    for (let c = 0; c < 3; c += 1) {
      const hue =
        WHEEL[lower % WHEEL.length][c] * (1 - share) + WHEEL[(lower + 1) % WHEEL.length][c] * share;
      colors[3 * i + c] = Math.floor(255 * (1 - radius * (1 - hue)));
    }
  }
  return colors;
}
