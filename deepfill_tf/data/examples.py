"""Examples: images cropped or resized to one size, with their sketches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.checks import check_bool, check_choice, check_in_range, check_positive_int
from deepfill_tf.data.crops import crop_at_scale, resize_image
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.data.sketches.source import SketchSource

# Crop fractions (top, left, scale) in [0, 1), see `crop_at_scale`; those of the central crop.
Fractions = Sequence[float] | np.ndarray
CENTRE = (0.5, 0.5, 0.5)
# Fraction of full strength above which a sketch has an edge, as released.
EDGE_THRESHOLD = 0.6


@dataclass(frozen=True, kw_only=True)
class ExampleOptions:
    """Options that turn a list of images into training examples.

    Attributes:
      height, width: size of an example, in pixels.
      channels: 3 for RGB, 1 for grey.
      random_crop: crop images at random positions, after enlarging those that are too small, as
        released. False: resize them, without keeping the aspect ratio.
      min_scale: least factor, in (0, 1], that random crops are reduced by. Their size before that
        is uniform between that of an example and its multiple by 1 / min_scale, or the whole
        image if that is smaller. 1, as released, is no reduction.
      flip: mirror an example left to right with probability 1/2. The released program does not.
      shuffle: use another order in every epoch. False: the order of the list, as released.
      one_mask_per_batch: use the same hole for all examples of a global batch, as released.
      edge_threshold: fraction of full strength, in [0, 1), above which a sketch has an edge.
    """

    height: int = 256
    width: int = 256
    channels: int = 3
    random_crop: bool = False
    min_scale: float = 1.0
    flip: bool = False
    shuffle: bool = True
    one_mask_per_batch: bool = False
    edge_threshold: float = EDGE_THRESHOLD

    def __post_init__(self):
        check_positive_int("data.height", self.height)
        check_positive_int("data.width", self.width)
        check_choice("data.channels", self.channels, (1, 3))
        for name in ("random_crop", "flip", "shuffle", "one_mask_per_batch"):
            check_bool(f"data.{name}", getattr(self, name))
        check_in_range("data.edge_threshold", self.edge_threshold, 0, 1)
        check_in_range("data.min_scale", self.min_scale, 0, 1, low_open=True, high_open=False)
        if self.min_scale < 1 and not self.random_crop:
            raise ValueError(
                f"data.min_scale={self.min_scale} reduces random crops: set data.random_crop = True"
            )

    def fit(self, image: np.ndarray, crop_fractions: Fractions = CENTRE) -> np.ndarray:
        """Crops or resizes uint8 `[H, W, C]` to `[height, width, C]`, see `crop_at_scale`."""
        if self.random_crop:
            fractions = map(float, crop_fractions)
            return crop_at_scale(image, self.height, self.width, self.min_scale, *fractions)
        return resize_image(image, self.height, self.width)


def read_example(
    path: str,
    options: ExampleOptions,
    sketches: SketchSource | None = None,
    crop_fractions: Fractions = CENTRE,
) -> np.ndarray:
    """Reads an image and crops or resizes it.

    Returns uint8 `[height, width, channels]`; with `sketches` one channel more, the strength of
    the edges. Raises UserError if the image or its sketch cannot be read.
    """
    image = options.fit(read_pixels(path, options.channels), crop_fractions)
    if sketches is None:
        return image
    sketch = sketches(path, image, lambda other: options.fit(other, crop_fractions))
    return np.concatenate([image, sketch], axis=2)


def example_tensors(values: tf.Tensor, options: ExampleOptions) -> dict[str, tf.Tensor]:
    """Converts what `read_example` returned, uint8 `[..., height, width, channels (+ 1)]`.

    Returns `image` float32 `[..., height, width, channels]` in [-1, 1], and `sketch` float32
    `[..., height, width, 1]`, 0 or 1, if there is a channel for it.
    """
    values = tf.cast(values, tf.float32)
    example = {"image": values[..., : options.channels] / 127.5 - 1}
    if values.shape[-1] > options.channels:
        edges = values[..., options.channels :] / 255 > options.edge_threshold
        example["sketch"] = tf.cast(edges, tf.float32)
    return example
