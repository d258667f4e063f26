"""Boxes around holes, in a graph and without TensorFlow."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import tensorflow as tf

from deepfill_tf.inference.hole_boxes import hole_boxes
from deepfill_tf.inference.hole_crops import boxes_of_holes


def boxes_of(height, width, *boxes):
    """The holes, and the boxes around them, which both ways find alike."""
    holes = np.zeros([height, width], bool)
    for top, bottom, left, right in boxes:
        holes[top:bottom, left:right] = True
    regions = hole_boxes(tf.constant(holes)).numpy()
    np.testing.assert_array_equal(boxes_of_holes(holes), regions)
    regions = regions[:, [0, 2, 1, 3]]
    return holes, sorted(map(tuple, regions.tolist()))


def test_one_hole_has_its_box():
    for box in [(0, 1, 0, 1), (299, 300, 399, 400), (100, 180, 37, 300), (0, 300, 0, 400)]:
        assert boxes_of(300, 400, box)[1] == [box]


def test_without_a_hole_there_is_none():
    assert boxes_of(300, 400)[1] == []


def test_holes_far_apart_have_boxes_of_their_own():
    boxes = [(10, 50, 20, 60), (800, 880, 1500, 1600)]
    assert boxes_of(1000, 1800, *boxes)[1] == boxes


def test_holes_close_together_share_one():
    boxes = [(10, 50, 20, 60), (10, 50, 160, 200)]
    assert boxes_of(400, 400, *boxes)[1] == [(10, 50, 20, 200)]


@hypothesis.given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
@hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
def test_every_hole_is_covered(seed, count):
    random = np.random.default_rng(seed)
    height, width = random.integers(16, 900, 2)
    boxes = []
    for _ in range(count):
        top, left = random.integers(0, height), random.integers(0, width)
        boxes.append((top, top + random.integers(1, 200), left, left + random.integers(1, 200)))
    holes, regions = boxes_of(height, width, *boxes)
    for top, bottom, left, right in regions:
        assert 0 <= top < bottom <= height and 0 <= left < right <= width
        holes[top:bottom, left:right] = False
    assert not holes.any()
