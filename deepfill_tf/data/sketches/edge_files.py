"""Sketches that lie beside their pictures."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfill_tf.data.picture_files import picture_size, read_picture
from deepfill_tf.data.scan import SHOWN, THREADS, scan_pictures
from deepfill_tf.errors import UserError


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
        """Raises UserError that names edge pictures missing, damaged or of another size."""
        scan_pictures([self.path_of(path) for path in paths])
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            fits = list(pool.map(self._fits, paths))
        if wrong := [self.path_of(path) for path, fit in zip(paths, fits, strict=True) if not fit]:
            raise UserError(
                f"{len(wrong)} of {len(paths)} edge pictures are not of their picture's size: "
                f"{', '.join(wrong[:SHOWN])}"
            )

    def path_of(self, path: str) -> str:
        """Where the edges of the picture `path` are."""
        return os.path.splitext(path)[0] + self.ending

    def _fits(self, path: str) -> bool:
        return picture_size(path) == picture_size(self.path_of(path))

    def __call__(
        self, path: str, picture: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return fit(read_picture(self.path_of(path)))[:, :, 2:]
