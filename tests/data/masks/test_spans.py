"""Discs and lines are those of Pillow, pixel for pixel."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from deepfill_tf.data.masks.spans import disc_spans, fill_spans, line_spans

HEIGHT, WIDTH = 40, 56


def _constant(values):
    return tf.constant(values, tf.float64, [1, 1])


@pytest.mark.parametrize("radius", [*range(1, 21), 33])
def test_discs_are_those_of_pillow(radius):
    x, y = 25, 11
    image = Image.new("L", (WIDTH, HEIGHT))
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(image).ellipse(box, fill=1)
    centre = _constant([x]), _constant([y])
    spans = disc_spans(centre, tf.constant([[radius]]), 40, HEIGHT)
    np.testing.assert_array_equal(fill_spans(*spans, WIDTH)[0], np.asarray(image, bool))


@pytest.mark.parametrize("width", [2, 3, 12, 13, 39])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((5, 7), (50, 30)),
        ((50, 30), (5, 7)),
        ((20, 35), (24, 2)),
        ((10, 10), (40, 10)),
        ((30, 5), (30, 33)),
        ((0, 0), (55, 39)),
        ((56, 40), (45, 0)),
        ((20, 20), (20, 20)),
        ((10, 12), (14, 15)),
    ],
)
def test_lines_are_those_of_pillow(start, end, width):
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).line([start, end], fill=1, width=width)
    points = [tuple(_constant([v]) for v in point) for point in (start, end)]
    spans = line_spans(*points, _constant([width]), HEIGHT)
    np.testing.assert_array_equal(fill_spans(*spans, WIDTH)[0], np.asarray(image, bool))


def test_spans_may_overlap_touch_and_leave_the_image():
    left = tf.constant([[[-9.0], [2.0], [3.0], [6.0], [5.0], [40.0]]], tf.float64)
    right = tf.constant([[[0.0], [3.0], [3.0], [99.0], [4.0], [50.0]]], tf.float64)
    row = fill_spans(left, right, 8)[0, 0].numpy().astype(int)
    assert row.tolist() == [1, 0, 1, 1, 0, 0, 1, 1]
