"""Error as a function of the distance from the hole's border."""

import itertools

import cv2
import numpy as np

# Distances from the nearest known pixel, in pixels, in intervals [EDGES[i], EDGES[i + 1]).
EDGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, np.inf)


def interval_names() -> list[str]:
    """Returns the names of the intervals, in pixels."""
    return [
        f"{low:g} to {high:g}" if high < np.inf else f"from {low:g}"
        for low, high in itertools.pairwise(EDGES)
    ]


def distance_intervals(hole: np.ndarray) -> np.ndarray:
    """Returns the interval of each pixel of the hole by its distance from the known pixels.

    Args:
      hole: bool `[H, W]`, with some known pixels.

    Returns:
      Integers `[H, W]`, positions in `interval_names()`; -1 outside the hole.

    Example:

    >>> import numpy as np
    >>> hole = np.zeros([1, 8], bool)
    >>> hole[0, 3:] = True
    >>> distance_intervals(hole)[0].tolist()
    [-1, -1, -1, 0, 1, 1, 2, 2]
    """
    distances = cv2.distanceTransform(
        hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, dstType=cv2.CV_32F
    )
    return np.searchsorted(EDGES, distances, side="right") - 1


def absolute_error_by_distance(
    completed: np.ndarray, image: np.ndarray, intervals: np.ndarray
) -> np.ndarray:
    """Returns the sum of the absolute error, 0 to 255, in each interval, float64 `[8]`.

    Args:
      completed, image: uint8 `[H, W, C]`; a pixel's error is the mean over its channels.
      intervals: of the hole, see `distance_intervals`.
    """
    error = np.abs(completed.astype(np.float64) - image).mean(axis=-1)
    inside = intervals >= 0
    return np.bincount(intervals[inside], error[inside], minlength=len(EDGES) - 1)


def pixels_by_distance(intervals: np.ndarray) -> np.ndarray:
    """Returns the number of pixels in each interval, `[8]`."""
    return np.bincount(intervals[intervals >= 0], minlength=len(EDGES) - 1)
