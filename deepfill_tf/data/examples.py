"""Examples: images cropped or resized to one size, with their sketches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from deepfill_tf.checks import check_bool, check_choice, check_in_range, check_positive_int
from deepfill_tf.data.colors import jitter_colors
from deepfill_tf.data.crops import (
    covering_size,
    crop_at_scale,
    crop_image,
    enlarge_to_cover,
    part_size,
    resize_image,
)
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.data.image_files.mask_files import resize_hole
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.data.thresholds import EDGE_THRESHOLD

# Crop fractions (top, left, scale) in [0, 1), see `crop_at_scale`; those of the central crop.
Fractions = Sequence[float] | np.ndarray
CENTRE = (0.5, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class ExampleOptions:
    """Options that turn a list of images into training examples.

    Attributes:
      height, width: size of an example, in pixels.
      channels: 3 for RGB, 1 for grey.
      random_crop: crop images at random positions, after enlarging those that are too small, as
        released. False: resize them, without keeping the aspect ratio.
      min_scale: least factor, in (0, 1], that random crops are resized by. Their size before that
        is uniform between 1 / max_scale and 1 / min_scale times that of an example, or the whole
        image if that is smaller. 1, as released, is no reduction.
      max_scale: greatest factor, from 1 to 16. Enlarged crops of small photographs are as smooth as
        large photographs are. 1, as released, is no enlargement.
      flip: mirror an example left to right with probability 1/2. The released program does not.
      hue_jitter: largest turn of all hues of an example, as a fraction of the circle in [0, 0.5].
        The turn is uniform. The released program does not turn them.
      saturation_jitter: in [0, 1]; the saturations of an example are multiplied by a uniform number
        within this distance from 1. 0, as released, keeps them.
      shuffle: use another order in every epoch. False: the order of the list, as released.
      one_mask_per_batch: use the same hole for all examples of a global batch, as released.
      edge_threshold: fraction of full strength, in [0, 1), above which a sketch has an edge.
    """

    height: int = 256
    width: int = 256
    channels: int = 3
    random_crop: bool = False
    min_scale: float = 1.0
    max_scale: float = 1.0
    flip: bool = False
    hue_jitter: float = 0.0
    saturation_jitter: float = 0.0
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
        check_in_range("data.max_scale", self.max_scale, 1, 16, high_open=False)
        check_in_range("data.hue_jitter", self.hue_jitter, 0, 0.5, high_open=False)
        check_in_range("data.saturation_jitter", self.saturation_jitter, 0, 1, high_open=False)
        for name, does in (("min_scale", "reduces"), ("max_scale", "enlarges")):
            scale = getattr(self, name)
            if scale != 1 and not self.random_crop:
                raise ValueError(
                    f"data.{name}={scale} {does} random crops: set data.random_crop = True"
                )
        if self.jitters and self.channels == 1:
            raise ValueError(
                f"data.hue_jitter={self.hue_jitter} and data.saturation_jitter="
                f"{self.saturation_jitter} change colours, and with data.channels=1 there are "
                "none: set both to 0"
            )

    @property
    def scales(self) -> tuple[float, float]:
        """`min_scale` and `max_scale`."""
        return self.min_scale, self.max_scale

    @property
    def jitters(self) -> bool:
        """Whether colours of examples are changed."""
        return self.hue_jitter > 0 or self.saturation_jitter > 0

    def jitter(self, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """uint8 RGB `[H, W, 3]` with hues and saturations changed at random."""
        return jitter_colors(image, self.hue_jitter, self.saturation_jitter, random)

    def fit(self, image: np.ndarray, crop_fractions: Fractions = CENTRE) -> np.ndarray:
        """Crops or resizes uint8 `[H, W, C]` to `[height, width, C]`, see `crop_at_scale`."""
        if self.random_crop:
            fractions = map(float, crop_fractions)
            return crop_at_scale(image, self.height, self.width, self.scales, *fractions)
        return resize_image(image, self.height, self.width)

    def fit_hole(self, marked: np.ndarray, crop_fractions: Fractions = CENTRE) -> np.ndarray:
        """Crops or resizes a hole, bool `[H, W]`, as `fit` does its image.

        Where it shrinks, pixels that were in the hole in part are in it.
        """
        if self.random_crop:
            top, left, scale = map(float, crop_fractions)
            values = marked[:, :, None].astype(np.uint8) * 255
            values = enlarge_to_cover(values, self.height, self.width)
            size = part_size(values.shape[:2], self.height, self.width, self.scales, scale)
            marked = crop_image(values, *size, top, left)[:, :, 0] > 127
        return resize_hole(marked, (self.height, self.width))

    def fractions_around(
        self, pixel: Sequence[int] | np.ndarray, size: tuple[int, int], fractions: Fractions
    ) -> Fractions:
        """Crop fractions of a random crop that holds a pixel (row, column) of an image of `size`.

        `fractions`, in [0, 1), choose among all such crops.
        """
        whole = covering_size(size, self.height, self.width)
        scale = float(fractions[2])
        parts = part_size(whole, self.height, self.width, self.scales, scale)
        chosen = []
        for i in range(2):
            place, count = int((pixel[i] + 0.5) * whole[i] / size[i]), whole[i] - parts[i] + 1
            first, last = max(0, place - parts[i] + 1), min(place, count - 1)
            start = first + int(fractions[i] * (last - first + 1))
            chosen.append((start + 0.5) / count)
        return (*chosen, scale)


class HoleSource(Protocol):
    """Reads the hole of an image, and chooses the crop of both; see `paired_masks.PairedMasks`."""

    def example(
        self,
        path: str,
        size: tuple[int, int],
        options: ExampleOptions,
        random: np.random.Generator,
    ) -> tuple[np.ndarray, Fractions]: ...


def read_example(
    path: str,
    options: ExampleOptions,
    sketches: SketchSource | None = None,
    crop_fractions: Fractions = CENTRE,
    *,
    holes: HoleSource | None = None,
    random: np.random.Generator | None = None,
    random_colors: np.random.Generator | None = None,
    read: Callable[[str, int], np.ndarray] = read_pixels,
) -> np.ndarray:
    """Reads an image, by `read(path, channels)`, and crops or resizes it.

    With `holes`, `random` chooses its hole and the crop, in place of `crop_fractions`; with
    `random_colors`, its colours are changed as `options` say.

    Returns uint8 `[height, width, channels]`; with `sketches` one channel more, the strength of
    the edges; with `holes` one channel more, 255 in the hole. Raises UserError if the image, its
    sketch or its mask cannot be read.
    """
    pixels = read(path, options.channels)
    if holes is not None:
        assert random is not None
        hole, crop_fractions = holes.example(path, pixels.shape[:2], options, random)
    image = options.fit(pixels, crop_fractions)
    values = [image]
    if sketches is not None:
        values.append(sketches(path, image, lambda other: options.fit(other, crop_fractions)))
    if random_colors is not None:
        values[0] = options.jitter(image, random_colors)
    if holes is not None:
        values.append(hole)
    # A copy also of one: an array that is kept is not to be shared.
    return np.concatenate(values, axis=2)


def example_tensors(
    values: tf.Tensor, options: ExampleOptions, *, with_hole: bool = False
) -> dict[str, tf.Tensor]:
    """Converts what `read_example` returned, uint8 `[..., height, width, channels (+ 1 or 2)]`.

    Returns `image` float32 `[..., height, width, channels]` in [-1, 1]; `mask` float32
    `[..., height, width, 1]`, 0 or 1, if `with_hole`; and `sketch`, alike, if there is a channel
    for it.
    """
    values = tf.cast(values, tf.float32)
    example = {"image": values[..., : options.channels] / 127.5 - 1}
    others = values[..., options.channels :]
    if with_hole:
        example["mask"], others = others[..., -1:] / 255, others[..., :-1]
    if others.shape[-1]:
        edges = others / 255 > options.edge_threshold
        example["sketch"] = tf.cast(edges, tf.float32)
    return example
