"""Values of a mask or sketch file: colours, alpha, and the numbers of label maps."""

import os
from dataclasses import dataclass

import numpy as np

from deepfill_tf.data.image_files.image_file import to_eight_bits
from deepfill_tf.data.image_files.opening import opened
from deepfill_tf.data.image_files.samples import decode, orientation_of, turned

# Modes of a single channel that images are refused or scaled for, but label maps come in.
_NUMBER_MODES = ("I", "F")


@dataclass(frozen=True, eq=False)
class MaskValues:
    """The values of a mask file, turned as its EXIF orientation says.

    Attributes:
      name: the path it was read from, for messages.
      raw: numbers as the file holds them, `[H, W, 1 or 3]`: of a palette the indices, if the
        first is black or none is.
      colours: uint8 `[H, W, 1 or 3]`.
      alpha: uint8 `[H, W]`; None if there is no alpha channel.
      is_label_map: whether `raw` are indices of a palette.
      notes: lines on the file, such as that only its first page was read.
    """

    name: str
    raw: np.ndarray
    colours: np.ndarray
    alpha: np.ndarray | None
    is_label_map: bool
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.colours.shape[0], self.colours.shape[1]

    def on_black(self) -> np.ndarray:
        """uint8 `[H, W]`: the brightest colour of each pixel, put on black through alpha."""
        strength = self.colours.max(axis=2)
        return strength if self.alpha is None else _product(strength, self.alpha)

    def on_white(self) -> np.ndarray:
        """uint8 `[H, W]`: the darkest colour of each pixel, put on white through alpha."""
        darkness = 255 - self.colours.min(axis=2)
        return 255 - (darkness if self.alpha is None else _product(darkness, self.alpha))

    def nonzero(self) -> np.ndarray:
        """bool `[H, W]`: where a value is not 0, nor transparent."""
        marked = (self.raw != 0).any(axis=2)
        return marked if self.alpha is None else marked & (self.alpha > 0)


def read_mask_values(path: str | os.PathLike, max_megapixels: float) -> MaskValues:
    """Reads the values of a mask file. Raises UserError as `read_image` does."""
    path = os.fspath(path)
    with opened(path, max_megapixels) as (image, file):
        is_animated = getattr(image, "is_animated", False)
        orientation = orientation_of(image)
        palette = None
        if image.mode in _NUMBER_MODES:
            image.load()
            samples = np.asarray(image)[:, :, None]
        else:
            samples = decode(image, file, orientation, [])
            if image.mode in ("P", "PA"):
                palette = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
                bands = np.asarray(image).reshape(image.height, image.width, -1)
                indices = bands[:, :, :1]
                indices = indices if image.format == "TIFF" else turned(indices, orientation)
    has_alpha = samples.shape[2] in (2, 4)
    colours, alpha = (samples[:, :, :-1], samples[:, :, -1]) if has_alpha else (samples, None)
    raw = colours
    if palette is not None and _is_label_map(palette, indices):
        raw = indices
    note = f"{path}: only the first frame or page is read"
    return MaskValues(
        path,
        raw,
        _as_colours(colours),
        None if alpha is None else _alpha_of(alpha),
        raw is not colours,
        (note,) if is_animated else (),
    )


def _is_label_map(palette: np.ndarray, indices: np.ndarray) -> bool:
    """Whether index 0 of a palette is what other masks have as black.

    Programs that reduce colours put any colour first: there black stays what is not marked.
    """
    is_black = (palette == 0).all(axis=1)
    used = np.unique(indices)
    return bool(is_black[0] or not is_black[used[used < len(palette)]].any())


def _as_colours(values: np.ndarray) -> np.ndarray:
    """uint8 values: of 16 bits scaled; other numbers clipped, or up to 1 multiplied by 255."""
    if values.dtype in (np.uint8, np.uint16):
        return to_eight_bits(values)
    numbers = np.nan_to_num(values.astype(np.float64))
    scale = 255 if np.issubdtype(values.dtype, np.floating) and numbers.max() <= 1 else 1
    return np.rint(numbers * scale).clip(0, 255).astype(np.uint8)


def _alpha_of(alpha: np.ndarray) -> np.ndarray:
    """uint8 alpha, 0 only where it was 0."""
    return np.maximum(to_eight_bits(alpha), (alpha > 0).astype(np.uint8))


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """uint8 product of fractions of 255."""
    return ((first.astype(np.uint16) * second + 127) // 255).astype(np.uint8)
