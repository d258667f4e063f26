"""Sketches that lie beside their pictures."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfill_tf.data.picture_files import read_picture
from deepfill_tf.data.scan import scan_pictures


@dataclass(frozen=True, kw_only=True)
class EdgeFiles:
    """`name_edge.jpg` beside `name.png`, as the released program reads them.

    The edge picture has its picture's size and is cut and resized like it. Only its first
    channel in the original's order, blue, is looked at. Such files are no training
    pictures: list the pictures in a .flist, or keep the two apart by a glob.

    Attributes:
      ending: what stands in place of the picture's suffix.
    """

    ending: str = "_edge.jpg"

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError that names edge pictures that are missing or damaged."""
        scan_pictures([self.path_of(path) for path in paths])

    def path_of(self, path: str) -> str:
        """Where the edges of the picture `path` are."""
        return os.path.splitext(path)[0] + self.ending

    def __call__(
        self, path: str, picture: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return fit(read_picture(self.path_of(path)))[:, :, 2:]
