"""Sketches that lie beside their images."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfill_tf.data.image_files import image_size, read_image
from deepfill_tf.data.validate_images import MAX_LISTED, THREADS, check_readable
from deepfill_tf.errors import UserError


@dataclass(frozen=True, kw_only=True)
class EdgeFiles:
    """`name_edge.jpg` beside `name.png`, as the released program reads them.

    The edge image has its image's size and is cut and resized like it. Only its first
    channel in the original's order, blue, is looked at. Such files are no training
    images: list the images in a .flist, or keep the two apart by a glob.

    Attributes:
      ending: what stands in place of the image's suffix.
    """

    ending: str = "_edge.jpg"

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError that names edge images missing, damaged or of another size."""
        check_readable([self.path_of(path) for path in paths])
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            fits = list(pool.map(self._fits, paths))
        if wrong := [self.path_of(path) for path, fit in zip(paths, fits, strict=True) if not fit]:
            raise UserError(
                f"{len(wrong)} of {len(paths)} edge images are not of their image's size: "
                f"{', '.join(wrong[:MAX_LISTED])}"
            )

    def path_of(self, path: str) -> str:
        """Where the edges of the image `path` are."""
        return os.path.splitext(path)[0] + self.ending

    def _fits(self, path: str) -> bool:
        return image_size(path) == image_size(self.path_of(path))

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return fit(read_image(self.path_of(path)))[:, :, 2:]
