"""Interface of the sources of sketches."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np


class SketchSource(Protocol):
    """Makes or reads the sketch of an image; may be called by several threads at once."""

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError if the sketch of one of these images could not be made or read."""

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Strength of the edges of an image, uint8 `[H, W, 1]`.

        Args:
          path: the image's file.
          image: its crop, uint8 `[H, W, C]`.
          fit: crops or resizes another image of the file's size in the same way.

        Raises UserError if that fails.
        """
