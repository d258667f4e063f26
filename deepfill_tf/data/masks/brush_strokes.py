"""Free-form holes: thick strokes of a brush (second paper, section 3.4)."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from deepfill_tf.checks import (
    check_at_least,
    check_bool,
    check_in_range,
    check_int,
    check_positive_int,
)
from deepfill_tf.data.masks.spans import disc_spans, fill_spans, line_spans
from deepfill_tf.data.seeds import integers, uniform


class Strokes(NamedTuple):
    """Strokes of N images, up to S in each, up to V segments in a stroke.

    x, y: vertices in pixels, whole numbers in float64 `[N, S, V + 1]`.
    segments: number of segments of a stroke, int32 `[N, S]`; 0 for one that is not painted.
    brush_width: width of the brush in pixels, int32 `[N, S]`.
    mirrored: whether the mask is mirrored left to right, top to bottom: bool `[N, 2]`.
    """

    x: tf.Tensor
    y: tf.Tensor
    segments: tf.Tensor
    brush_width: tf.Tensor
    mirrored: tf.Tensor


@dataclass(frozen=True, kw_only=True)
class BrushStrokeMasks:
    """One to three strokes that zigzag through the image.

    A stroke goes from vertex to vertex, every other angle turned back; its lengths are
    normal around an eighth of the image's diagonal, cut off at 0 and at twice that.
    Each segment is a line as wide as the brush, each vertex a disc of that diameter. The
    whole mask is mirrored left to right and top to bottom with probability 1/2 each.

    Attributes:
      min_strokes, max_strokes: number of strokes in an image, uniform, both included.
      min_vertices, max_vertices: number of segments of a stroke, uniform, both included.
      min_brush_width, max_brush_width: width of the brush in pixels, uniform, the upper one not
        included. As released, they are not scaled with the image.
      mean_angle: mean angle of a segment from the horizontal, up or down, in radians.
      angle_range: greatest deviation from the mean angle to either side, in radians.
      as_released: True reproduces two defects of the released program: masks are never
        mirrored, so that strokes drift to the right, and height and width are exchanged where
        points are placed and clipped.
    """

    min_strokes: int = 1
    max_strokes: int = 3
    min_vertices: int = 4
    max_vertices: int = 11
    min_brush_width: int = 12
    max_brush_width: int = 40
    mean_angle: float = 2 * math.pi / 5
    angle_range: float = 2 * math.pi / 15
    as_released: bool = False

    def __post_init__(self):
        for name in ("strokes", "vertices", "brush_width"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            check_positive_int(f"BrushStrokeMasks.min_{name}", low)
            check_int(f"BrushStrokeMasks.max_{name}", high, low)
        check_in_range(
            "BrushStrokeMasks.mean_angle", self.mean_angle, -math.inf, math.inf, low_open=True
        )
        check_at_least("BrushStrokeMasks.angle_range", self.angle_range)
        check_bool("BrushStrokeMasks.as_released", self.as_released)

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Masks float32 `[N, height, width, 1]` for seeds int64 `[N, 2]`."""
        strokes = self.strokes(seeds, height, width)
        mask = self._painted(strokes, height, width)
        left_right, top_bottom = tf.unstack(strokes.mirrored[:, :, None, None], axis=1)
        mask = tf.where(left_right, tf.reverse(mask, [2]), mask)
        mask = tf.where(top_bottom, tf.reverse(mask, [1]), mask)
        return tf.cast(mask, tf.float32)[..., None]

    def strokes(self, seeds: tf.Tensor, height: int, width: int) -> Strokes:
        """Random strokes for seeds int64 `[N, 2]`, before mirroring."""
        bottom, right = (width, height) if self.as_released else (height, width)
        numbers, vertices = 6 + 2 * self.max_vertices, self.max_vertices
        random = uniform(seeds, 3 + self.max_strokes * numbers)
        of_mask, of_strokes = random[:, :3], random[:, 3:]
        of_strokes = tf.reshape(of_strokes, [-1, self.max_strokes, numbers])
        scalars, angles, lengths = tf.split(of_strokes, [6, vertices, vertices], axis=2)
        scalars = tf.unstack(scalars, axis=2)

        count = self.min_strokes + integers(of_mask[:, 0], self.max_strokes - self.min_strokes + 1)
        segments = self.min_vertices + integers(
            scalars[0], self.max_vertices - self.min_vertices + 1
        )
        segments = tf.where(tf.range(self.max_strokes) < count[:, None], segments, 0)
        # At least 1: with equal bounds every brush has that width.
        brush_width = self.min_brush_width + integers(
            scalars[1], max(self.max_brush_width - self.min_brush_width, 1)
        )
        lowest = self.mean_angle - scalars[2] * self.angle_range
        highest = self.mean_angle + scalars[3] * self.angle_range
        angles = lowest[..., None] + (highest - lowest)[..., None] * angles
        turned_back = tf.range(vertices) % 2 == 0
        angles = tf.where(turned_back, 2 * math.pi - angles, angles)
        mean_length = math.hypot(height, width) / 8
        lengths = mean_length + mean_length // 2 * tf.math.ndtri(lengths)
        lengths = tf.clip_by_value(lengths, 0, 2 * mean_length)

        # As released, points may reach the limits themselves, one beyond the last pixel.
        x = _walk(tf.floor(scalars[4] * right), lengths * tf.cos(angles), right)
        y = _walk(tf.floor(scalars[5] * bottom), lengths * tf.sin(angles), bottom)
        mirrored = (of_mask[:, 1:] < 0.5) & (not self.as_released)
        return Strokes(x, y, segments, brush_width, mirrored)

    def _painted(self, strokes: Strokes, height: int, width: int) -> tf.Tensor:
        """Masks of the strokes, bool `[N, height, width]`, not mirrored."""
        vertices = self.max_vertices
        x, y = (tf.reshape(v, [-1, self.max_strokes, vertices + 1]) for v in strokes[:2])
        brush_width, last = strokes.brush_width[..., None], strokes.segments[..., None]
        starts, ends = (x[..., :-1], y[..., :-1]), (x[..., 1:], y[..., 1:])
        lines = line_spans(starts, ends, tf.cast(brush_width, tf.float64), height)
        discs = disc_spans((x, y), brush_width // 2, self.max_brush_width // 2, height)
        used = tf.range(vertices) < last
        disc_used = (tf.range(vertices + 1) <= last) & (last > 0)
        left = tf.concat([lines[0], discs[0]], axis=2)
        right = tf.concat([lines[1], discs[1]], axis=2)
        right = tf.where(tf.concat([used, disc_used], axis=2)[..., None], right, -1.0)
        pieces = [-1, self.max_strokes * (2 * vertices + 1), height]
        return fill_spans(tf.reshape(left, pieces), tf.reshape(right, pieces), width)


def _walk(start: tf.Tensor, steps: tf.Tensor, limit: int) -> tf.Tensor:
    """Whole-numbered positions `[N, S, V + 1]` from start `[N, S]` by steps `[N, S, V]`.

    Each is clipped to [0, limit] and rounded down before the next step.
    """
    positions = [start]
    for step in tf.unstack(steps, axis=2):
        positions.append(tf.floor(tf.clip_by_value(positions[-1] + step, 0, limit)))
    return tf.stack(positions, axis=2)
