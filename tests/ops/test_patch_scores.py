"""The layout of attention scores in a flat array, worked for a map of 2 x 3.

The features, small whole numbers, are the map

     1 -2  3
    -1  2  1

and attend to themselves; no image is downsampled (rate 1), and there is one channel.
"""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops import AttentionOptions
from deepfill_tf.ops.patch_scores import PatchScores

HEIGHT, WIDTH = 2, 3
COUNT, PITCH, LEAD = HEIGHT * WIDTH, 15, WIDTH + 1
MAP = np.array([[1, -2, 3], [-1, 2, 1]], "f")
POSITIONS = [(row, column) for row in range(HEIGHT) for column in range(WIDTH)]


def scores_of(fuse_size):
    features = tf.constant(MAP[None, :, :, None])
    options = AttentionOptions(rate=1, fuse_size=fuse_size, softmax_scale=1.0)
    return PatchScores.of(features, features, None, options)


def pixel(row, column):
    """The map, with zeros beyond its border."""
    return MAP[row, column] if 0 <= row < HEIGHT and 0 <= column < WIDTH else 0.0


def patch(row, column):
    return np.array([pixel(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)])


def patch_scores():
    """S[p, q] of 3 x 3 patches as in the first paper's section 4, the key at unit length."""
    patches = [patch(*position) for position in POSITIONS]
    return np.array([[a @ b / np.linalg.norm(b) for b in patches] for a in patches])


def fused(scores, order):
    """The sum of S[p - 1, q - 1], S[p, q] and S[p + 1, q + 1], positions counted in an order."""
    summed = np.zeros_like(scores)
    for a, p in enumerate(order):
        for b, q in enumerate(order):
            for d in (-1, 0, 1):
                if 0 <= a + d < COUNT and 0 <= b + d < COUNT:
                    summed[p, q] += scores[order[a + d], order[b + d]]
    return summed


ROW_BY_ROW = [0, 1, 2, 3, 4, 5]
COLUMN_BY_COLUMN = [0, 3, 1, 4, 2, 5]


def test_a_line_of_products_has_the_keys_between_lead_and_gap():
    """S[p, q] before any sum is element p * pitch + lead + q of the flat array."""
    scores = scores_of(fuse_size=1)
    margin = (scores.queries.shape[1] - COUNT) // 2
    lines = tf.matmul(scores.queries[:, margin : margin + COUNT], scores.keys)
    assert lines.shape == [1, COUNT, PITCH]
    flat = lines.numpy().ravel()
    expected = np.zeros(COUNT * PITCH)
    for p, (row, column) in enumerate(POSITIONS):
        for q, (key_row, key_column) in enumerate(POSITIONS):
            expected[p * PITCH + LEAD + q] = sum(
                pixel(row, column + j) * pixel(key_row, key_column + j) for j in (-1, 0, 1)
            )
    np.testing.assert_allclose(flat, expected, rtol=1e-6)


def test_neighbours_outside_the_map_are_zeros_of_lead_or_gap():
    """The offsets that the module's docstring names, from its example."""
    element = {(p, q): p * PITCH + LEAD + q for p in range(COUNT) for q in range(COUNT)}
    right, below = PITCH + 1, WIDTH * PITCH + WIDTH
    for (p, q), start in element.items():
        for step, moved in ((right, 1), (below, WIDTH)):
            if p + moved < COUNT:
                inside = q + moved < COUNT
                assert (start + step in element.values()) is inside
                if inside:
                    assert start + step == element[p + moved, q + moved]
    assert divmod(element[0, 5] + right, PITCH) == (1, 10)
    assert divmod(element[0, 5] + below, PITCH) == (3, 12)
    assert divmod(element[3, 0] - right, PITCH) == (2, 3)
    assert divmod(element[3, 0] - below, PITCH) == (0, 1)


def test_patch_scores_equal_the_plain_formula():
    lines = scores_of(fuse_size=1)._patch_scores(0, HEIGHT, 0, WIDTH)
    np.testing.assert_allclose(lines[0, :COUNT, :COUNT], patch_scores(), rtol=1e-5, atol=1e-5)


def test_scores_fused_row_by_row_equal_the_plain_formula():
    lines = scores_of(fuse_size=3)._patch_scores(0, HEIGHT, 0, WIDTH)
    expected = fused(patch_scores(), ROW_BY_ROW)
    np.testing.assert_allclose(lines[0, :COUNT, :COUNT], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("columns", [(0, 3), (0, 2), (1, 3)])
@pytest.mark.parametrize(("first_row", "rows"), [(0, 2), (0, 1), (1, 1)])
def test_fused_scores_of_a_block_equal_the_plain_formula(first_row, rows, columns):
    """Row by row and column by column, with wrap-around from row to row and column to column."""
    scores = scores_of(fuse_size=3)
    count = columns[1] - columns[0]
    row_step = scores._row_step(count)
    lines = scores._scores(first_row, rows, columns, row_step).numpy()[0]
    expected = fused(fused(patch_scores(), ROW_BY_ROW), COLUMN_BY_COLUMN)
    for i in range(rows):
        for j in range(count):
            p = (first_row + i) * WIDTH + columns[0] + j
            np.testing.assert_allclose(
                lines[i * row_step + j, :COUNT], expected[p], rtol=1e-5, atol=1e-5
            )
