"""The images of a manifest with their holes, in batches of one size."""

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.evaluation.manifest import Entry, Manifest
from deepfill_tf.evaluation.methods import Batch, hole_names

# A batch has about as many pixels as this many images of 256 x 256.
BATCH = 8


@dataclass(frozen=True)
class Samples:
    """The images of a manifest with their holes, read when they are needed.

    Attributes:
      manifest: which images and holes.
      paths: of the images, by the manifest's names.
      channels: 3 for RGB, 1 for grey.
      masks: folder of masks, for the protocol `files`.
    """

    manifest: Manifest
    paths: dict[str, str]
    channels: int = 3
    masks: str | None = None

    def read(self, positions: Sequence[int]) -> Batch:
        """Returns the holes at some positions of the manifest; they must be of one size."""
        entries = [self.manifest.entries[i] for i in positions]
        names = hole_names(self.manifest)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            images = list(pool.map(self._image, entries))
            masks = list(pool.map(self._hole, entries))
        return Batch([names[i] for i in positions], np.stack(images), np.stack(masks))

    def _image(self, entry: Entry) -> np.ndarray:
        return _read(self.paths[entry.image], entry.height, entry.width, self.channels)

    def _hole(self, entry: Entry) -> np.ndarray:
        return self.manifest.hole(entry, self.masks) > 127

    def batches(self) -> Iterator[list[int]]:
        """Yields positions of the manifest, of images of one size, in an order of its own."""
        entries = self.manifest.entries
        order = sorted(range(len(entries)), key=lambda i: (entries[i].height, entries[i].width, i))
        sizes = itertools.groupby(order, key=lambda i: (entries[i].height, entries[i].width))
        for (height, width), group in sizes:
            positions = list(group)
            count = max(1, BATCH * 256 * 256 // (height * width))
            for start in range(0, len(positions), count):
                yield positions[start : start + count]


def _read(path: str, height: int, width: int, channels: int) -> np.ndarray:
    """An image brought to a size: the largest part in its middle that has the size's shape."""
    image = read_pixels(path, channels)
    if image.shape[:2] == (height, width):
        return image
    squeezed = image[..., 0] if channels == 1 else image
    fitted = ImageOps.fit(Image.fromarray(squeezed), (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted).reshape(height, width, channels)
