import numpy as np

from deepfill_tf.evaluation.border_distance import (
    EDGES,
    absolute_error_by_distance,
    distance_intervals,
    pixels_by_distance,
)


def test_distances_are_those_of_the_nearest_known_pixel():
    hole = np.random.default_rng(0).random([30, 40]) < 0.9
    hole[5:25, 5:30] = True
    known = np.argwhere(~hole)
    for row, column in np.ndindex(hole.shape):
        interval = distance_intervals(hole)[row, column] if (row + column) % 97 == 0 else None
        if interval is None:
            continue
        distance = np.sqrt(np.square(known - [row, column]).sum(axis=1).min())
        if hole[row, column]:
            assert EDGES[interval] <= np.float32(distance) < EDGES[interval + 1]
        else:
            assert interval == -1


def test_a_constant_error_is_the_same_at_every_distance():
    hole = np.zeros([50, 50], bool)
    hole[5:45, 5:45] = True
    image = np.full([50, 50, 3], 100, np.uint8)
    intervals = distance_intervals(hole)
    pixels = pixels_by_distance(intervals)
    assert pixels.sum() == 40 * 40
    # The rim of the square, one pixel from known ones.
    assert pixels[0] == 4 * 39
    errors = absolute_error_by_distance(image + np.uint8(7), image, intervals)
    np.testing.assert_allclose(errors, 7 * pixels)
