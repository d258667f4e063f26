// Boxes around the holes of a mask.

const CELL = 32;
// Rows that are read at a time.
const STRIP = 32 * CELL;

/**
 * Returns a box {x, y, width, height} around each hole of a mask layer, where alpha is above 127.
 * Holes less than a cell of 32 pixels apart may share a box. No hole: an empty array.
 */
export function findHoles(mask) {
  const { width, height } = mask.canvas;
  const cells = new Map();
  const columns = Math.ceil(width / CELL);
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    const { data } = mask.read({ x: 0, y: top, width, height: rows });
    for (let y = 0, i = 3; y < rows; y += 1) {
      for (let x = 0; x < width; x += 1, i += 4) {
        if (data[i] > 127) addTo(cells, Math.floor((top + y) / CELL) * columns + Math.floor(x / CELL), x, top + y);
      }
    }
  }
  return connected(cells, columns).map(({ left, top, right, bottom }) => ({
    x: left,
    y: top,
    width: right - left + 1,
    height: bottom - top + 1,
  }));
}

function addTo(cells, cell, x, y) {
  const extent = cells.get(cell);
  if (!extent) {
    cells.set(cell, { left: x, top: y, right: x, bottom: y });
    return;
  }
  extent.left = Math.min(extent.left, x);
  extent.right = Math.max(extent.right, x);
  extent.bottom = y;
}

/** Joins the extents of cells that touch, also at a corner. */
function connected(cells, columns) {
  const joined = [];
  while (cells.size) {
    const [[first, extent]] = cells;
    cells.delete(first);
    const whole = { ...extent };
    const open = [first];
    while (open.length) {
      const cell = open.pop();
      const column = cell % columns;
      for (const dy of [-columns, 0, columns]) {
        for (const dx of [-1, 0, 1]) {
          const next = cells.get(cell + dy + dx);
          if (!next || column + dx < 0 || column + dx >= columns) continue;
          cells.delete(cell + dy + dx);
          open.push(cell + dy + dx);
          whole.left = Math.min(whole.left, next.left);
          whole.top = Math.min(whole.top, next.top);
          whole.right = Math.max(whole.right, next.right);
          whole.bottom = Math.max(whole.bottom, next.bottom);
        }
      }
    }
    joined.push(whole);
  }
  return joined;
}
