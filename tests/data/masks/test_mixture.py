"""Mixtures of holes."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import MixtureMasks, RectangleMasks
from deepfill_tf.data.seeds import Purpose, seeds_of
from tests.data.masks import statistics

# Their areas tell them apart.
BOXES = [
    RectangleMasks(height=side, width=side, max_delta_height=0, max_delta_width=0)
    for side in (4, 6, 8)
]


def shares(masks, count=2000):
    """Fractions of the masks that are of each box."""
    areas = statistics.sampled(masks, count, 16, 16).sum(axis=(1, 2))
    assert set(areas) <= {16, 36, 64}
    return [float(np.mean(areas == area)) for area in (16, 36, 64)]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [(None, [1 / 3, 1 / 3, 1 / 3]), ([1, 5, 2], [0.125, 0.625, 0.25]), ([0, 1, 0], [0, 1, 0])],
)
def test_each_kind_has_the_share_of_its_weight(weights, expected):
    found = shares(MixtureMasks(generators=BOXES, weights=weights))
    deviation = (0.25 / 2000) ** 0.5  # at most, of a share of 2,000
    np.testing.assert_allclose(found, expected, atol=4 * deviation)


def test_a_mixture_of_one_kind_twice_is_independent_of_which_is_drawn():
    """Holes of both parts lie at different places."""
    twice = MixtureMasks(generators=[BOXES[0], BOXES[0]])
    seeds = seeds_of(1, Purpose.MASK, tf.range(200))
    places = twice(seeds, 16, 16).numpy().reshape(200, -1).argmax(axis=1)
    assert len(set(places)) > 60  # of 144


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generators": []}, r"MixtureMasks.generators must be a list .* got \[\]"),
        ({"generators": BOXES, "weights": [1, 2]}, "weights must be a list of 3 numbers"),
        ({"generators": BOXES, "weights": [1, -2, 1]}, "weights must be >= 0, got -2"),
        ({"generators": BOXES, "weights": [0, 0, 0]}, "must exceed 0"),
    ],
)
def test_bad_mixtures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MixtureMasks(**arguments)
