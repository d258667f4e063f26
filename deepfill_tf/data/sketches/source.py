"""What every source of sketches is."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np


class SketchSource(Protocol):
    """Makes or reads the sketch of an image; called by several threads at once."""

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError that names whatever would be wrong with these images."""

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """The strength of edges, uint8 `[H, W, 1]`, of the image in the file `path`.

        `image` is uint8 `[H, W, C]`, already of the wanted size; `fit` brings another
        image of the file's size to the same crop.
        """
