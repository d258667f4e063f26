"""Reading of mask files: what of a file is the hole."""

import os
from dataclasses import dataclass

import cv2
import numpy as np

from deepfill_tf.data.image_files.image_file import ImageFile
from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS
from deepfill_tf.data.image_files.reading import read_image
from deepfill_tf.errors import UserError

# What of a mask file is the hole, see `read_mask`.
HOLES = ("white", "black", "alpha", "transparent", "nonzero")


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask that was read from a file.

    Attributes:
      name: the path it was read from, for messages.
      pixels: uint8 `[H, W, 1]`, 255 in the hole and 0 elsewhere.
      notes: a line for each thing that its user should know, such as soft edges.
      why_empty: a line that says why there may be no hole; None if there is one.
    """

    name: str
    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    why_empty: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no hole."""
        return self.why_empty is not None


def read_mask(
    path: str | os.PathLike,
    size: tuple[int, int] | None = None,
    *,
    hole: str = "white",
    grow: int = 0,
    resize: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> MaskFile:
    """Reads a mask file.

    Args:
      path: of an image file.
      size: height and width of the mask's image; None: any size is right.
      hole: what is the hole. "white": white, or any bright colour, on black; a mask with an
        alpha channel is first put on black. "black": black, or any colour, on white. "alpha":
        what is painted (alpha is not 0), whatever its colour. "transparent": where alpha is 0.
        "nonzero": any value but 0, for label maps and masks of values 0 and 1.
      grow: pixels by which the hole is enlarged in all directions.
      resize: resize a mask of another size; else it is refused.
      max_megapixels: larger masks are refused before a pixel is decoded.

    Raises UserError that names the file if it cannot be read, differs in size, or is all hole.
    """
    if hole not in HOLES:
        raise ValueError(f"hole must be one of {', '.join(HOLES)}, got {hole!r}")
    mask = read_image(path, max_megapixels=max_megapixels)
    marked = mask.pixels.max(axis=2) > 127
    if size is not None and mask.size != tuple(size):
        if not resize:
            raise _other_size("mask", mask, size)
        marked = cv2.resize(marked.astype(np.uint8), size[::-1]) > 0
    if marked.all():
        raise UserError(f"the mask {mask.name} is all hole: nothing is known to complete from")
    why = None if marked.any() else f"the mask {mask.name} has no hole"
    return MaskFile(mask.name, marked.astype(np.uint8)[:, :, None] * 255, (), why)


def read_sketch(
    path: str | os.PathLike,
    size: tuple[int, int] | None = None,
    *,
    resize: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> np.ndarray:
    """Reads a sketch, white lines on black: uint8 `[H, W, 1]`, not thresholded.

    A sketch with an alpha channel is put on black, and any colour counts. Raises UserError as
    `read_mask` does.
    """
    sketch = read_image(path, max_megapixels=max_megapixels)
    if size is not None and sketch.size != tuple(size) and not resize:
        raise _other_size("sketch", sketch, size)
    return sketch.pixels.max(axis=2, keepdims=True)


def _other_size(kind: str, image: ImageFile, size: tuple[int, int]) -> UserError:
    height, width = image.size
    return UserError(
        f"the {kind} {image.name} is {width} x {height} (width x height), its image is "
        f"{size[1]} x {size[0]}; they must be of one size"
    )
