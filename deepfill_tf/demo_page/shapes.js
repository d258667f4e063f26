// What a tool draws, in pixels of the photograph: {kind, points, size, erase}.
//   stroke   a line of width `size` through the points
//   box      the rectangle between the first and the last point
//   lasso    the polygon of the points

/** Draws a shape; `erase` removes what is there. */
export function drawShape(context, { kind, points, size, erase }, color) {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = color;
  context.beginPath();
  if (kind === "box") {
    const { x, y, width, height } = spanOf(points);
    context.rect(x, y, width, height);
  } else if (kind === "stroke" && points.length === 1) {
    context.arc(points[0].x, points[0].y, size / 2, 0, 2 * Math.PI);
  } else {
    for (const { x, y } of points) context.lineTo(x, y);
  }
  if (kind === "stroke" && points.length > 1) {
    context.lineWidth = size;
    context.lineCap = context.lineJoin = "round";
    context.stroke();
  } else {
    context.fill();
  }
}

/** The box that a shape lies in. */
export function boundsOf({ kind, points, size }) {
  const { x, y, width, height } = spanOf(points);
  const margin = kind === "stroke" ? size / 2 + 2 : 2;
  return {
    x: x - margin,
    y: y - margin,
    width: width + 2 * margin,
    height: height + 2 * margin,
  };
}

function spanOf(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}
