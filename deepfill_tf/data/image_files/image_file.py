"""An image file in memory: its samples, and what it carries besides."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepfill_tf.data.image_files.metadata import Metadata

# ITU-R BT.601, as Pillow and OpenCV weigh red, green and blue.
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(colours: np.ndarray) -> np.ndarray:
    """Returns the luminance `[..., 1]` of RGB `[..., 3]`, float32, rounded."""
    return np.rint(colours.astype(np.float32) @ _WEIGHTS)[..., None]


def to_eight_bits(samples: np.ndarray) -> np.ndarray:
    """Returns uint8 samples as they are, and uint16 ones divided by 257 and rounded."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The content of an image file, turned as its EXIF orientation says.

    Attributes:
      name: the path it was read from, for messages.
      samples: uint8 or uint16 `[H, W, c]`: grey, grey and alpha, RGB, or RGBA for c of 1 to 4.
      format: Pillow's name of the file's format, such as "PNG" or "JPEG".
      channels: channels of `pixels`, those of the network: 3 for RGB, 1 for grey.
      metadata: colour profile, EXIF, resolution, text and XMP.
      notes: a line for each thing that is not kept as the file has it.
      encoding: options of Pillow that write the file's format with the file's own quality.
    """

    name: str
    samples: np.ndarray
    format: str
    channels: int = 3
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()
    encoding: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        height, width, _ = self.samples.shape
        return height, width

    @property
    def is_grey(self) -> bool:
        """Whether the file holds grey values, not colours."""
        return self.samples.shape[2] <= 2

    @property
    def has_alpha(self) -> bool:
        """Whether the last of the samples' channels is alpha."""
        return self.samples.shape[2] % 2 == 0

    @property
    def is_deep(self) -> bool:
        """Whether the file has 16 bits a channel."""
        return self.samples.dtype == np.uint16

    @property
    def pixels(self) -> np.ndarray:
        """uint8 `[H, W, channels]`: what `Inpainter` takes. Alpha is left out."""
        colour = self._colour
        return to_eight_bits(colour)

    @property
    def floats(self) -> np.ndarray:
        """float32 `[H, W, channels]` in [-1, 1], of all bits: what `Inpainter.predict` takes."""
        return self._colour.astype(np.float32) / (self._maximum / 2) - 1

    def filled(self, completed: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Returns the file's samples with the hole filled; known samples are the file's own.

        Transparent pixels of the hole become opaque; alpha stays as it is elsewhere.

        Args:
          completed: uint8 `[H, W, channels]`, or float32 in [-1, 1], which keeps all bits of
            deep images. Only its pixels in the hole are used.
          mask: uint8 `[H, W, 1]` or `[H, W]`, above 127 is the hole.
        """
        hole = mask.reshape(self.size) > 127
        colour = self._from_network(completed[hole])
        samples = self.samples.copy()
        if self.is_grey and colour.shape[1] == 3:
            colour = luminance(colour)
        dtype = samples.dtype
        samples[hole, : colour.shape[1]] = np.rint(colour).clip(0, self._maximum).astype(dtype)
        if self.has_alpha:
            alpha = samples[:, :, -1]
            alpha[hole & (alpha == 0)] = self._maximum
        return samples

    @property
    def _maximum(self) -> int:
        return int(np.iinfo(self.samples.dtype).max)

    @property
    def _colour(self) -> np.ndarray:
        """The samples without alpha, with as many channels as the network takes."""
        colour = self.samples[:, :, :1] if self.is_grey else self.samples[:, :, :3]
        return colour.repeat(3, axis=2) if self.is_grey and self.channels == 3 else colour

    def _from_network(self, completed: np.ndarray) -> np.ndarray:
        """Converts completed pixels to floats in the range of the file's samples."""
        if completed.dtype == np.uint8:
            return completed.astype(np.float32) * (257 if self.is_deep else 1)
        values = (np.asarray(completed, np.float32) + 1) * (self._maximum / 2)
        # Truncated to 8 bits, as `Inpainter` does.
        return values if self.is_deep else np.trunc(values)
