"""A baseline, and those that need no further package."""

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from deepfill_tf.evaluation.mean_fill import mean_fill

# Radius in pixels of the neighbourhood that OpenCV's methods propagate from: that of its examples.
RADIUS = 3


@dataclass(frozen=True)
class Baseline:
    """A completion that needs no training.

    Attributes:
      name: as reports write it.
      fill: a function of an image, uint8 `[H, W, 3]`, and its hole, bool `[H, W]`, that returns
        the completed image, uint8 `[H, W, 3]`.
      module: the module that computes it.
    """

    name: str
    fill: Callable[[np.ndarray, np.ndarray], np.ndarray]
    module: str

    @property
    def identity(self) -> str:
        """Name, and module and version that compute it: equal ones give equal images."""
        return f"{self.name} {self.module} {importlib.import_module(self.module).__version__}"

    def complete(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Returns completed images, uint8 `[N, H, W, C]`, computed in parallel.

        Args:
          images: uint8 `[N, H, W, C]`, C is 1 or 3.
          masks: bool `[N, H, W, 1]`, True in the hole; some pixels of each must be known.

        Example:

        >>> import numpy as np
        >>> image = np.full([1, 8, 8, 3], 90, np.uint8)
        >>> hole = np.zeros([1, 8, 8, 1], bool)
        >>> hole[0, 2:5, 3:6] = True
        >>> completed = BUILT_IN[0].complete(image * ~hole, hole)
        >>> bool((completed == image).all())
        True
        """
        channels = images.shape[-1]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            filled = pool.map(
                lambda image, hole: self.fill(np.repeat(image, 3 // channels, axis=-1), hole),
                np.where(masks, 0, images).astype(np.uint8),
                masks[..., 0],
            )
            # Grey images are repeated, and so are the values in their holes.
            return np.where(masks, np.stack([x[..., :channels] for x in filled]), images)


def _mean_fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    filled = mean_fill(image[None].astype(np.float32), hole[None, ..., None].astype(np.float32))
    return np.round(filled[0]).astype(np.uint8)


def _telea(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)


def _navier_stokes(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_NS)


BUILT_IN = (
    Baseline("mean_fill", _mean_fill, "deepfill_tf"),
    Baseline("telea", _telea, "cv2"),
    Baseline("navier_stokes", _navier_stokes, "cv2"),
)
