"""Overlapping patches as tiles, against loops that paste one patch after another."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops.value_tiles import overlap_added, tiles_to_pixels, value_tiles


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_overlap_added_tiles_equal_pasting_in_loops(rate):
    generator = np.random.default_rng(0)
    rows, columns, height, width, channels = 2, 3, 3, 2, 2
    probabilities = generator.random([1, rows, columns, height, width]).astype("f")
    background = generator.normal(size=[1, height * rate, width * rate, channels]).astype("f")
    before, after = rate // 2, rate - rate // 2
    padded = np.pad(background[0], [(before, after), (before, after), (0, 0)])
    side = 2 * rate
    expected = np.zeros([(rows + 1) * rate, (columns + 1) * rate, channels])
    for i, j, row, column in np.ndindex(rows, columns, height, width):
        key, query = (
            (slice(top * rate, top * rate + side), slice(left * rate, left * rate + side))
            for top, left in ((row, column), (i, j))
        )
        expected[query] += probabilities[0, i, j, row, column] * padded[key]
    tiles = overlap_added(tf.constant(probabilities), value_tiles(tf.constant(background), rate))
    pixels = tiles_to_pixels(tiles, rate)
    np.testing.assert_allclose(pixels[0], expected[before:, before:], rtol=0, atol=1e-5)
