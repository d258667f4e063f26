"""Ways to complete a large image: exactly, in crops around the holes, or at a lower resolution.

    exact    the whole image is the background that the attention copies from
    crop     each hole is completed in a crop of the image around it, as if that were the image
    resize   the image is completed at a lower resolution, and the result is enlarged and pasted
             into the holes

Outside the holes all return the image, bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from deepfill_tf.checks import check_choice, check_int
from deepfill_tf.data.thresholds import EDGE_THRESHOLD, HOLE_THRESHOLD
from deepfill_tf.errors import UserError
from deepfill_tf.inference.hole_crops import MIN_SIDE, complete_in_crops, crops_around

STRATEGIES = ("exact", "crop", "resize")


@dataclass(frozen=True)
class Strategy:
    """How an image is completed.

    Attributes:
      name: one of `STRATEGIES`.
      crop_margin: pixels around a hole that belong to its crop, >= 1.
      resize_limit: longer side of the image at the lower resolution, >= 16; images that are
        not larger are completed exactly.

    Raises ValueError if one is not.

    Example:
      >>> Strategy("crop", crop_margin=64).name
      'crop'
    """

    name: str = "exact"
    crop_margin: int = 256
    resize_limit: int = 1280

    def __post_init__(self):
        check_choice("strategy", self.name, STRATEGIES)
        check_int("crop_margin", self.crop_margin, 1)
        check_int("resize_limit", self.resize_limit, MIN_SIDE)

    def complete(
        self, complete: Callable[..., np.ndarray], image: np.ndarray, *marks: np.ndarray
    ) -> np.ndarray:
        """Returns the completed image, of the type and shape of `image`.

        Args:
          complete: a `Completer`, or its `predict`, called with an image and its marks.
          image: `[H, W, C]`, of the type that `complete` takes.
          marks: the mask, uint8 `[H, W, 1]`, above 127 is the hole; for guided models then the
            sketch, like it.
        """
        if self.name == "crop":
            return complete_in_crops(complete, image, *marks, margin=self.crop_margin)
        if self.name == "resize" and self.small_size(image.shape[:2]) != image.shape[:2]:
            return self._resized(complete, image, *marks)
        return complete(image, *marks)

    def parts(self, boxes: np.ndarray, size: tuple[int, int]) -> list[tuple[tuple, np.ndarray]]:
        """Returns what is completed one after the other: size of an image, boxes of its holes.

        Args:
          boxes: of the holes, int `[K, 4]`, see `boxes_of_holes`.
          size: height and width of the image.
        """
        if self.name == "crop":
            return [
                (
                    (int(crop[2] - crop[0]), int(crop[3] - crop[1])),
                    (box - np.tile(crop[:2], 2))[None],
                )
                for box, crop in zip(boxes, self.crops(boxes, size), strict=True)
            ]
        small = self.small_size(size) if self.name == "resize" else size
        scale = np.tile(np.divide(small, size), 2)
        begins, ends = np.floor(boxes * scale), np.ceil(boxes * scale)
        return [(small, np.concatenate([begins[:, :2], ends[:, 2:]], axis=1).astype(int))]

    def crops(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Returns the crop around each of the boxes, int `[K, 4]`."""
        return crops_around(boxes, size, self.crop_margin)

    def small_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns height and width of the image at the lower resolution."""
        scale = min(self.resize_limit / max(size), 1)
        height, width = (max(round(scale * n), min(n, MIN_SIDE)) for n in size)
        return height, width

    def _resized(self, complete: Callable, image: np.ndarray, *marks: np.ndarray) -> np.ndarray:
        height, width = small = self.small_size(image.shape[:2])
        hole = marks[0] > HOLE_THRESHOLD
        # A pixel of the small image is the mean of the known pixels that it covers. It is in the
        # hole if one of them is.
        known = _means(~hole, small)
        small_image = _means(np.where(hole, 0, image), small) / np.maximum(known, 1e-6)
        small_image = _as_type(small_image, image.dtype)
        small_hole = known < 1 - 1e-4
        if small_hole.all():
            raise UserError(f"no pixel is known at {width} x {height}; raise --resize_limit")
        edges = [_means(sketch > 255 * EDGE_THRESHOLD, small) > 0 for sketch in marks[1:]]
        small_marks = [mark.astype(np.uint8) * 255 for mark in (small_hole, *edges)]
        filled = np.where(small_hole, complete(small_image, *small_marks), small_image)
        enlarged = cv2.resize(
            filled.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC
        )
        return np.where(hole, _as_type(enlarged.reshape(image.shape), image.dtype), image)


def _means(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns means over areas, float32 `[h, w, C]` of `size`."""
    means = cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return means.reshape(*size, image.shape[2])


def _as_type(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Converts floats to the type of an image, uint8 or float32 in [-1, 1]."""
    return np.rint(image).clip(0, 255).astype(dtype) if dtype == np.uint8 else image.clip(-1, 1)
