"""Sketches read from files next to the images."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfill_tf.data.image_files import image_size, read_pixels
from deepfill_tf.data.validate_images import MAX_LISTED, THREADS, check_readable
from deepfill_tf.errors import UserError, truncated_list


@dataclass(frozen=True, kw_only=True)
class EdgeFiles:
    """Reads `name_edge.jpg` next to `name.png`, as the released program does.

    The edge image has its image's size and is cropped or resized with it. Only its blue channel
    is used, the first in the released program. Edge files must not be among the training
    images: list the images in a .flist, or exclude the edge files by a glob.

    Attributes:
      ending: end of the edge image's path, in place of the suffix of the image's path.
    """

    ending: str = "_edge.jpg"

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError if edge images are missing, unreadable or of another size."""
        check_readable([self.path_of(path) for path in paths])
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            same_size = list(pool.map(self._has_same_size, paths))
        wrong = [self.path_of(p) for p, same in zip(paths, same_size, strict=True) if not same]
        if wrong:
            raise UserError(
                f"{len(wrong)} of {len(paths)} edge images are not of their image's size: "
                f"{truncated_list(wrong, MAX_LISTED)}"
            )

    def path_of(self, path: str) -> str:
        """Path of the edge image of the image `path`."""
        return os.path.splitext(path)[0] + self.ending

    def _has_same_size(self, path: str) -> bool:
        return image_size(path) == image_size(self.path_of(path))

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """See `SketchSource`."""
        return fit(read_pixels(self.path_of(path)))[:, :, 2:]
