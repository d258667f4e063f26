"""What is known of many masks, as recorded from the original programs."""

import json

import cv2
import numpy as np
import tensorflow as tf

from deepfill_tf.data.seeds import Purpose, seeds_of
from tests.reference import reference_path

CELLS = 16


def recorded(name: str) -> dict:
    """One entry of the reference's statistics, of 20000 masks."""
    return json.loads(reference_path("mask_statistics.json").read_text())["statistics"][name]


def sampled(masks, count: int, height: int, width: int, seed: int = 7) -> np.ndarray:
    """Random masks, bool `[count, height, width]`."""
    sample = tf.function(
        lambda positions: tf.cast(
            masks(seeds_of(seed, Purpose.MASK, positions), height, width)[..., 0], tf.bool
        )
    )
    return np.concatenate([sample(tf.range(i, i + 100)).numpy() for i in range(0, count, 100)])


def hole_fractions(holes: np.ndarray) -> np.ndarray:
    """Fraction of each mask that is hole, `[N]`."""
    return holes.mean(axis=(1, 2))


def cell_fractions(holes: np.ndarray) -> np.ndarray:
    """Fraction of each of 16 x 16 cells that is hole, `[N, 16, 16]`."""
    count, height, width = holes.shape
    cells = holes.reshape(count, CELLS, height // CELLS, CELLS, width // CELLS)
    return cells.mean(axis=(2, 4))


def components(holes: np.ndarray) -> np.ndarray:
    """Number of 8-connected holes of each mask, `[N]`."""
    return np.array([cv2.connectedComponents(h.astype(np.uint8), None, 8)[0] - 1 for h in holes])
