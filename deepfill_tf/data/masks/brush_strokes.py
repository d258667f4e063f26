"""Free-form holes: thick strokes of a brush (second paper, section 3.4)."""

import math
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.seeds import fold_in, integers, uniform

# Angles lie around this, within a random part of the other on either side.
MEAN_ANGLE = 2 * math.pi / 5
ANGLE_RANGE = 2 * math.pi / 15


@dataclass(frozen=True, kw_only=True)
class BrushStrokeMasks:
    """One to three strokes that zigzag through the picture.

    A stroke goes from vertex to vertex, every other angle turned back; its lengths are
    normal around an eighth of the picture's diagonal, cut off at 0 and at twice that.
    Each segment is a rectangle of the brush's width, and each vertex a disc.

    Attributes:
      min_strokes, max_strokes: strokes in a picture, equally likely.
      min_vertices, max_vertices: segments of a stroke, equally likely.
      min_brush_width, max_brush_width: pixels; the lower included, the upper not.
      as_released: with the released program's two defects: masks are never mirrored,
        so that strokes drift to the right, and height and width are exchanged where
        points are drawn and clipped.
    """

    min_strokes: int = 1
    max_strokes: int = 3
    min_vertices: int = 4
    max_vertices: int = 11
    min_brush_width: int = 12
    max_brush_width: int = 40
    as_released: bool = False

    def __post_init__(self):
        for name in ("strokes", "vertices", "brush_width"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if not 1 <= low <= high:
                raise ValueError(
                    f"BrushStrokeMasks.min_{name} and max_{name} must be in order and positive, "
                    f"got {low} and {high}"
                )

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        choices = uniform(fold_in(seeds, 0), 3)
        count = self.min_strokes + integers(choices[:, 0], self.max_strokes - self.min_strokes + 1)
        mask = tf.zeros([tf.shape(seeds)[0], height, width], tf.bool)
        for stroke in range(self.max_strokes):
            drawn = self._stroke(fold_in(seeds, stroke + 1), height, width)
            mask |= drawn & (stroke < count)[:, None, None]
        if not self.as_released:
            mask = tf.where((choices[:, 1] < 0.5)[:, None, None], mask[:, :, ::-1], mask)
            mask = tf.where((choices[:, 2] < 0.5)[:, None, None], mask[:, ::-1], mask)
        return tf.cast(mask, tf.float32)[..., None]

    def _stroke(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """One stroke of each example, bool `[N, height, width]`."""
        x, y, segments, brush = self.polyline(seeds, height, width)
        rows = tf.range(height, dtype=tf.float32)[None, :, None]
        columns = tf.range(width, dtype=tf.float32)[None, None, :]
        drawn = _disc(rows, columns, x[:, 0], y[:, 0], brush)
        for i in range(self.max_vertices):
            ends = (x[:, i], y[:, i], x[:, i + 1], y[:, i + 1])
            piece = _segment(rows, columns, *ends, brush)
            piece |= _disc(rows, columns, x[:, i + 1], y[:, i + 1], brush)
            drawn |= piece & (i < segments)[:, None, None]
        return drawn

    def polyline(self, seeds: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, ...]:
        """Vertices x and y, whole numbers in float64 `[N, max_vertices + 1]`; the number of
        segments and the brush's width, int32 `[N]`."""
        if self.as_released:
            right, bottom = height, width
        else:
            right, bottom = width, height
        mean_length = math.sqrt(height**2 + width**2) / 8
        shares = uniform(seeds, 6 + 2 * self.max_vertices)
        segments = self.min_vertices + integers(
            shares[:, 0], self.max_vertices - self.min_vertices + 1
        )
        brush = self.min_brush_width + integers(
            shares[:, 1], self.max_brush_width - self.min_brush_width
        )
        low = MEAN_ANGLE - shares[:, 2:3] * ANGLE_RANGE
        high = MEAN_ANGLE + shares[:, 3:4] * ANGLE_RANGE
        angle_shares, length_shares = tf.split(shares[:, 6:], 2, axis=1)
        angles = low + (high - low) * angle_shares
        turned_back = tf.range(self.max_vertices) % 2 == 0
        angles = tf.where(turned_back, 2 * math.pi - angles, angles)
        lengths = mean_length + mean_length // 2 * tf.math.ndtri(length_shares)
        lengths = tf.clip_by_value(lengths, 0, 2 * mean_length)

        x = [tf.floor(shares[:, 4] * right)]
        y = [tf.floor(shares[:, 5] * bottom)]
        for i in range(self.max_vertices):
            step_x, step_y = tf.cos(angles[:, i]), tf.sin(angles[:, i])
            x.append(tf.floor(tf.clip_by_value(x[-1] + lengths[:, i] * step_x, 0, right)))
            y.append(tf.floor(tf.clip_by_value(y[-1] + lengths[:, i] * step_y, 0, bottom)))
        return tf.stack(x, axis=1), tf.stack(y, axis=1), segments, brush


def _segment(rows, columns, x0, y0, x1, y1, brush) -> tf.Tensor:
    """Pixels of a rectangle `brush` wide around the line from one point to the other.

    As Pillow draws a wide line: the corners are rounded to whole pixels, and a pixel
    counts when its centre is less than half a pixel beside the rectangle. All numbers
    compared are whole or halves, so that a compiled mask is the same.
    """
    along_x, along_y = x1 - x0, y1 - y0
    length = tf.maximum(tf.sqrt(along_x**2 + along_y**2), 1)
    half = (tf.cast(brush, tf.float64) - 1) / 2
    smaller, larger = tf.floor(half) / length, tf.math.ceil(half) / length
    left, right = tf.round(smaller * along_y), tf.round(larger * along_y)
    up, down = tf.round(smaller * along_x), tf.round(larger * along_x)
    corners = [
        (x0 - left, y0 + down),
        (x1 - left, y1 + down),
        (x1 + right, y1 - up),
        (x0 + right, y0 - up),
    ]
    corners = [[tf.cast(v, tf.float32)[:, None, None] for v in corner] for corner in corners]
    lowest = tf.reduce_min([y for _, y in corners], axis=0)
    highest = tf.reduce_max([y for _, y in corners], axis=0)
    inside = (rows >= lowest) & (rows <= highest)
    for (from_x, from_y), (to_x, to_y) in zip(corners, corners[1:] + corners[:1], strict=True):
        edge_x, edge_y = to_x - from_x, to_y - from_y
        side = edge_x * (rows - from_y) - edge_y * (columns - from_x)
        inside &= side <= tf.abs(edge_y) / 2
    return inside


def _disc(rows, columns, x, y, brush) -> tf.Tensor:
    """Pixels of a disc around a point, as Pillow draws it: a little less than 2 r + 1 wide."""
    radius = tf.cast(brush // 2, tf.float32)[:, None, None] + 0.4
    x, y = tf.cast(x, tf.float32), tf.cast(y, tf.float32)
    distance = (columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2
    return distance <= radius**2
