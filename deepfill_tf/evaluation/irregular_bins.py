"""Irregular holes of a given share of the image, in the bins of Liu et al. (2018)."""

import numpy as np

from deepfill_tf.evaluation.large_masks import MEDIUM, NARROW, WIDE, painted, stroke_segments

# Share of the image: above the first, up to the second.
BINS = tuple((i / 10, (i + 1) / 10) for i in range(6))


def irregular_in_bin(
    bounds: tuple[float, float], random: np.random.Generator, height: int, width: int
) -> np.ndarray:
    """Returns bool `[height, width]`, True in the hole, whose share lies in the bin.

    Strokes like those of `large_masks`, narrow, medium or wide with equal probability, are
    added until the share passes a random one in the bin; strokes that lead beyond the bin are
    drawn again.

    Args:
      bounds: share of the image, above the first and up to the second.
    """
    low, high = bounds
    least = random.uniform(low, high)
    scale = min(height, width) / 256
    inside = np.zeros([height, width], bool)
    while inside.mean() <= low or inside.mean() < least:
        kind = (NARROW, MEDIUM, WIDE)[random.integers(3)][0]
        turned_back = bool(random.integers(2))
        stroke = stroke_segments(kind, scale, random, height, width, turned_back)
        added = inside | painted(stroke, height, width)
        if added.mean() <= high:
            inside = added
    return inside
