"""What every source of sketches is."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np


class SketchSource(Protocol):
    """Makes or reads the sketch of a picture; called by several threads at once."""

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError that names whatever would be wrong with these pictures."""

    def __call__(
        self, path: str, picture: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """The strength of edges, uint8 `[H, W, 1]`, of the picture in the file `path`.

        `picture` is uint8 `[H, W, C]`, already of the wanted size; `fit` brings another
        picture of the file's size to the same crop.
        """
