"""Protocols: which holes an image gets, as a function of the image and a seed alone.

docs/evaluation.md gives the distribution of each. Sizes that are stated for images of 256 x 256
are scaled with the image.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.data.masks import BrushStrokeMasks, RectangleMasks
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation.irregular_bins import BINS, irregular_in_bin
from deepfill_tf.evaluation.large_masks import MEDIUM, NARROW, WIDE, strokes_or_boxes

# Draws bool [height, width], True in the hole: draw(random, height, width, index).
Draw = Callable[[np.random.Generator, int, int, int], np.ndarray]
LEAST_SIDE = 16


@dataclass(frozen=True)
class Protocol:
    """A way to draw holes.

    Attributes:
      description: one line for a report.
      draw: `draw(random, height, width, index)` returns bool `[height, width]`, True in the hole.
      holes_per_image: number of holes for each image; `index` counts them from 0.
    """

    description: str
    draw: Draw
    holes_per_image: int = 1


def hole(
    protocol: str, image_hash: str, height: int, width: int, seed: int = 0, index: int = 0
) -> np.ndarray:
    """Returns a hole: uint8 `[height, width, 1]`, 255 in the hole and 0 elsewhere.

    The hole depends on the arguments alone: not on the order of images, nor on the versions of
    TensorFlow.

    Args:
      protocol: a name in `PROTOCOLS`.
      image_hash: of the image's file, see `manifest.file_hash`.
      height, width: at least 16 pixels.
      seed: an integer >= 0; another seed gives other holes.
      index: in [0, holes_per_image).

    Raises UserError for an unknown protocol, ValueError for a size below 16.

    Example:
      >>> from deepfill_tf.evaluation import hole
      >>> mask = hole("center", "00", 64, 64)
      >>> mask.shape, int(mask[32, 32, 0]), int(mask[0, 0, 0])
      ((64, 64, 1), 255, 0)
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"the protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if min(height, width) < LEAST_SIDE:
        raise ValueError(f"images must be at least 16 x 16, got {height} x {width}")
    random = np.random.Generator(np.random.Philox(hole_seed(protocol, image_hash, seed, index)))
    inside = PROTOCOLS[protocol].draw(random, height, width, index)
    return np.where(inside, 255, 0).astype(np.uint8)[:, :, None]


def hole_seed(protocol: str, image_hash: str, seed: int = 0, index: int = 0) -> int:
    """Returns the seed of an image's hole, in [0, 2**63), different for each argument."""
    text = f"{protocol}/{image_hash}/{seed}/{index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _center(random: np.random.Generator, height: int, width: int, index: int) -> np.ndarray:
    top, left = (height - height // 2) // 2, (width - width // 2) // 2
    inside = np.zeros([height, width], bool)
    inside[top : top + height // 2, left : left + width // 2] = True
    return inside


def _random_rectangle(
    random: np.random.Generator, height: int, width: int, index: int
) -> np.ndarray:
    masks = RectangleMasks(
        height=height // 2,
        width=width // 2,
        max_delta_height=height // 8,
        max_delta_width=width // 8,
    )
    return _drawn(masks, random, height, width)


def _free_form(random: np.random.Generator, height: int, width: int, index: int) -> np.ndarray:
    scale = min(height, width) / 256
    masks = BrushStrokeMasks(
        min_brush_width=max(1, round(12 * scale)), max_brush_width=max(2, round(40 * scale))
    )
    return _drawn(masks, random, height, width)


def _drawn(masks: Callable, random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """One mask of a generator of `data.masks`."""
    seeds = tf.constant(random.integers(0, 2**63, [1, 2]), tf.int64)
    return masks(seeds, height, width).numpy()[0, :, :, 0] > 0


def _outpaint(random: np.random.Generator, height: int, width: int, index: int) -> np.ndarray:
    """Strips along sides of the image, each with probability 1/2, at least one."""
    sides = random.random(4) < 0.5
    if not sides.any():
        sides[random.integers(4)] = True
    shares = random.uniform(0.04, 0.25, 4)
    inside = np.zeros([height, width], bool)
    for side in np.flatnonzero(sides):
        size = (height, width, height, width)[side]
        strip = slice(max(1, round(shares[side] * size)))
        # From the top, the left, the bottom and the right.
        view = (inside, inside.T, inside[::-1], inside.T[::-1])[side]
        view[strip] = True
    return inside


def _large(holes) -> Draw:
    def draw(random: np.random.Generator, height: int, width: int, index: int) -> np.ndarray:
        return strokes_or_boxes(holes, random, height, width)

    return draw


def _irregular(random: np.random.Generator, height: int, width: int, index: int) -> np.ndarray:
    return irregular_in_bin(BINS[index], random, height, width)


PROTOCOLS: Mapping[str, Protocol] = {
    "center": Protocol("a box of half the sides in the middle", _center),
    "random_rectangle": Protocol(
        "a box of 3/8 to 1/2 of the sides (first paper)", _random_rectangle
    ),
    "free_form": Protocol("one to three zigzag strokes (second paper)", _free_form),
    "narrow": Protocol("many thin strokes (LaMa's thin masks)", _large(NARROW)),
    "medium": Protocol("strokes or boxes (LaMa's medium masks)", _large(MEDIUM)),
    "wide": Protocol("broad strokes or large boxes (LaMa's thick masks)", _large(WIDE)),
    "irregular_bins": Protocol(
        "six holes an image, of 0 to 10 % ... 50 to 60 %", _irregular, len(BINS)
    ),
    "outpaint": Protocol("strips along one to four sides of the image", _outpaint),
}
