"""Reading of mask files: what of a file is the hole."""

import os
from dataclasses import dataclass

import cv2
import numpy as np

from deepfill_tf.checks import check_int
from deepfill_tf.data.image_files.mask_values import MaskValues, read_mask_values
from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS
from deepfill_tf.errors import UserError

# What of a mask file is the hole, see `read_mask`.
HOLES = ("white", "black", "alpha", "transparent", "nonzero")
# Values at most so far from black, or white, count as black, or white.
_NEARLY = 32
# Soft edges that make up most of a mask have fewer values than this between.
_GREYS_OF_A_PHOTOGRAPH = 100


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
      path: of an image file of any kind that `read_image` reads.
      size: height and width of the mask's image; None: any size is right.
      hole: what is the hole. "white": white, or any bright colour, on black; a mask with an
        alpha channel is first put on black. "black": black, or any colour, on white; a mask
        with an alpha channel is first put on white. "alpha": what is painted (alpha is not 0),
        whatever its colour. "transparent": where alpha is 0. "nonzero": any value but 0, for
        label maps and masks of values 0 and 1.
      grow: pixels by which the hole is enlarged in all directions.
      resize: resize a mask of another size; else it is refused.
      max_megapixels: larger masks are refused before a pixel is decoded.

    Raises UserError that names the file if it cannot be read, differs in size, or is all hole.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepfill_tf.data.image_files import write_image
    >>> path = Path(tempfile.mkdtemp()) / "a_mask.png"
    >>> values = np.zeros([24, 32, 1], np.uint8)
    >>> values[8:16, 8:24] = 1
    >>> write_image(path, values)
    >>> read_mask(path).why_empty
    'the mask ...a_mask.png has no hole: it holds values 0 and 1, which count as black; if all but
    0 is the hole, pass --hole=nonzero'
    >>> mask = read_mask(path, (24, 32), hole="nonzero", grow=2)
    >>> mask.pixels.shape, int(mask.pixels[6, 10, 0])
    ((24, 32, 1), 255)
    """
    if hole not in HOLES:
        raise ValueError(f"hole must be one of {', '.join(HOLES)}, got {hole!r}")
    check_int("grow", grow, 0)
    values = read_mask_values(path, max_megapixels)
    notes = []
    marked = _marked(values, hole)
    if not marked.any():
        height, width = size or marked.shape
        nothing = np.zeros([height, width, 1], np.uint8)
        _check_size("mask", values, size, resize)
        return MaskFile(values.name, nothing, values.notes, _why_empty(values, hole))
    if hole in ("white", "black"):
        notes += _greys(values, hole, marked, is_grown=bool(grow))
    if size is not None and values.size != tuple(size):
        _check_size("mask", values, size, resize)
        marked = resize_hole(marked, size)
        notes.append(f"the mask {values.name} was resized to {size[1]} x {size[0]}")
    if grow:
        marked = _grown(marked, grow)
    if marked.all():
        raise UserError(_why_full(values, hole, grow))
    pixels = marked.astype(np.uint8)[:, :, None] * 255
    return MaskFile(values.name, pixels, (*values.notes, *notes))


def read_sketch(
    path: str | os.PathLike,
    size: tuple[int, int] | None = None,
    *,
    resize: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> np.ndarray:
    """Reads a sketch, white lines on black: uint8 `[H, W, 1]`, not thresholded.

    A sketch with an alpha channel is put on black, and any colour counts. `resize`: a sketch of
    another size is resized; else it is refused. Raises UserError as `read_mask` does.
    """
    sketch = read_mask_values(path, max_megapixels)
    strength = sketch.on_black()
    if size is not None and sketch.size != tuple(size):
        _check_size("sketch", sketch, size, resize)
        strength = cv2.resize(strength, size[::-1], interpolation=_interpolation(strength, size))
    return strength[:, :, None]


def _marked(values: MaskValues, hole: str) -> np.ndarray:
    """bool `[H, W]`: True in the hole, whatever it is."""
    if hole == "white":
        return values.on_black() > 127
    if hole == "black":
        return values.on_white() <= 127
    if hole == "nonzero":
        return values.nonzero()
    if values.alpha is None:
        return np.full(values.size, hole == "alpha")
    return values.alpha > 0 if hole == "alpha" else values.alpha == 0


def _greys(values: MaskValues, hole: str, marked: np.ndarray, *, is_grown: bool) -> list[str]:
    """A line if so many values lie between black and white that the hole may be another."""
    strength = values.on_black() if hole == "white" else values.on_white()
    between = strength[(strength > _NEARLY) & (strength < 255 - _NEARLY)]
    visible = marked.size if values.alpha is None else np.count_nonzero(values.alpha)
    if between.size > visible / 2 and len(np.unique(between)) > _GREYS_OF_A_PHOTOGRAPH:
        has_hole = values.alpha is not None and not values.alpha.all()
        hint = "; if its transparent part is the hole, pass --hole=transparent" if has_hole else ""
        return [f"the mask {values.name} has the many greys or colours of a photograph{hint}"]
    # A hole of n pixels has an edge of 3.5 * sqrt(n) pixels or more.
    if is_grown or between.size <= np.sqrt(np.count_nonzero(marked)):
        return []
    return [
        f"the mask {values.name} has many values neither black nor white, such as soft edges: "
        "where an outline of the object stays visible, grow the hole (--grow_hole=5)"
    ]


def resize_hole(marked: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a hole, bool `[H, W]`, to height and width `size`.

    Where it shrinks, pixels that were in it in part are.
    """
    interpolation = _interpolation(marked, size)
    threshold = 0 if interpolation == cv2.INTER_AREA else 127
    strength = marked.astype(np.uint8) * 255
    # Strokes of a pixel in a hundred would round to 0.
    if threshold == 0:
        strength = strength.astype(np.float32)
    return cv2.resize(strength, size[::-1], interpolation=interpolation) > threshold


def _interpolation(image: np.ndarray, size: tuple[int, int]) -> int:
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    return cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR


def _grown(marked: np.ndarray, pixels: int) -> np.ndarray:
    """Returns the pixels at a distance of at most `pixels` from the hole."""
    known = (~marked).astype(np.uint8)
    return cv2.distanceTransform(known, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels


def _check_size(kind: str, values: MaskValues, size: tuple[int, int] | None, resize: bool) -> None:
    """Raises UserError if a mask or sketch has another size and may not be resized."""
    if size is None or resize or values.size == tuple(size):
        return
    height, width = values.size
    turned = values.size == tuple(size)[::-1]
    hint = "; it may have been painted before the image was turned" if turned else ""
    raise UserError(
        f"the {kind} {values.name} is {width} x {height} (width x height), its image is "
        f"{size[1]} x {size[0]}{hint}; they must be of one size, or pass --resize_mask"
    )


def _why_empty(values: MaskValues, hole: str) -> str:
    """A line that says why a mask has no hole."""
    start = f"the mask {values.name} has no hole: "
    if hole == "transparent":
        has = "no alpha channel" if values.alpha is None else "no transparent pixel"
        return f"{start}it has {has}"
    if hole == "alpha":
        return f"{start}all of it is transparent, so that nothing is painted"
    if hole == "black":
        return f"{start}all of it is white; if white is the hole, pass --hole=white"
    if hole == "nonzero":
        return f"{start}all of its values are 0"
    if values.alpha is not None and values.alpha.any() and not values.alpha.all():
        return f"{start}what is painted is dark or faint; if it is the hole, pass --hole=alpha"
    if values.is_label_map:
        return f"{start}its palette is dark; if it is a label map, pass --hole=nonzero"
    if not values.raw.any():
        return f"{start}all of it is black"
    return (
        f"{start}it holds {_range(values.raw)}, which count as black; if all but 0 is the hole, "
        "pass --hole=nonzero"
    )


def _range(numbers: np.ndarray) -> str:
    if np.isnan(numbers).any():
        return "NaN"
    lowest, highest = float(numbers.min()), float(numbers.max())
    if (lowest, highest) == (0, 1):
        return "values 0 and 1"
    bits = " in 16 bits" if numbers.dtype == np.uint16 else ""
    return f"values from {lowest:g} to {highest:g}{bits}"


def _why_full(values: MaskValues, hole: str, grow: int) -> str:
    """A line that says why a mask is all hole."""
    start = f"the mask {values.name} is all hole, so that nothing is known to complete from"
    if grow:
        return f"{start}: grow it by less than {grow} pixels"
    if hole == "alpha" and values.alpha is None:
        return f"{start}: it has no alpha channel; if white is the hole, pass --hole=white"
    others = {
        "white": "black, pass --hole=black",
        "black": "white, pass --hole=white",
        "alpha": "what is transparent, pass --hole=transparent",
        "transparent": "what is painted, pass --hole=alpha",
        "nonzero": "white, pass --hole=white",
    }
    return f"{start}; if the hole is {others[hole]}"
