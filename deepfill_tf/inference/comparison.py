"""Images that show what was completed: original | masked | completed."""

import numpy as np


def comparison_panels(
    original: np.ndarray,
    masks: np.ndarray,
    completed: np.ndarray,
    sketches: np.ndarray | None = None,
) -> np.ndarray:
    """Returns original, masked and completed images side by side.

    Holes are white in the masked ones, and sketches in them black.

    Args:
      original, completed: uint8 `[..., H, W, C]`.
      masks, sketches: uint8 `[..., H, W, 1]`; above 127 is the hole, above 0 an edge.

    Returns uint8 `[..., H, 3 W, C]`.

    Example:

    >>> grey, dark = np.full([2, 4, 3], 99, np.uint8), np.zeros([2, 4, 3], np.uint8)
    >>> mask = np.zeros([2, 4, 1], np.uint8)
    >>> mask[:, 2:] = 255
    >>> comparison_panels(grey, mask, dark)[0, :, 0]
    array([ 99,  99,  99,  99,  99,  99, 255, 255,   0,   0,   0,   0],
          dtype=uint8)
    """
    masked = np.where(masks > 127, 255, original).astype(np.uint8)
    if sketches is not None:
        masked = np.where((sketches > 0) & (masks > 127), 0, masked).astype(np.uint8)
    return np.concatenate([original, masked, completed], axis=-2)
