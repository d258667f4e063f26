"""How far the gradient jumps along the border of a hole."""

import numpy as np


def seam_jumps(image: np.ndarray, inside: np.ndarray) -> float:
    """Returns the mean jump of the gradient across the border of the hole, in gray levels.

    For two neighbours in a row or a column of which one is in the hole, and the next pixel
    on either side, p0 p1 | p2 p3: the step across the border compared with those beside it,
    `abs((p2 - p1) - ((p1 - p0) + (p3 - p2)) / 2)`. 0 where the image is a ramp. Pairs without
    two such neighbours inside the image are not counted; 0 if there are none.

    Args:
      image: uint8 `[H, W, C]`.
      inside: bool `[H, W]`, True in the hole.
    """
    total, count = 0.0, 0
    for values, hole in ((image, inside), (image.swapaxes(0, 1), inside.T)):
        rows, columns = np.nonzero(hole[:, 1:-2] != hole[:, 2:-1])
        p0, p1, p2, p3 = (values[rows, columns + i].astype(np.int32) for i in range(4))
        jumps = np.abs(3 * (p2 - p1) - (p3 - p0)) / 2
        total += float(jumps.sum())
        count += jumps.size
    return total / count if count else 0.0
