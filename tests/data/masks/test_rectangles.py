"""Rectangular holes."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import RectangleMasks
from deepfill_tf.data.seeds import Purpose, seeds_of

SEEDS = seeds_of(1, Purpose.MASK, tf.range(600))


def _extent(holes, axis):
    """First and one past the last row (or column) of each box."""
    lines = holes[..., 0].max(axis=axis).astype(bool)
    return lines.argmax(axis=1), lines.shape[1] - lines[:, ::-1].argmax(axis=1)


def test_positions_and_deltas_are_those_of_the_released_program():
    masks = RectangleMasks(
        height=10,
        width=8,
        max_delta_height=4,
        max_delta_width=0,
        vertical_margin=3,
        horizontal_margin=1,
    )
    holes = masks(SEEDS, 24, 20).numpy()
    top, bottom = _extent(holes, 2)
    left, right = _extent(holes, 1)
    assert (holes.sum(axis=(1, 2, 3)) == (bottom - top) * (right - left)).all()
    # The same is taken off on both sides, up to half of max_delta, both ends included.
    assert set(bottom - top) == {10, 8, 6}
    assert set(right - left) == {8}
    # Tops 3 .. 24 - 3 - 10 - 1: the last position that would fit is left out.
    assert set((top + bottom) // 2 - 5) == set(range(3, 11))
    assert set(left) == set(range(1, 11))


def test_a_mask_may_have_several_boxes():
    box = {"height": 6, "width": 6, "max_delta_height": 0, "max_delta_width": 0}
    areas = [
        RectangleMasks(**box, count=count)(SEEDS, 64, 64).numpy().sum(axis=(1, 2, 3))
        for count in (1, 5)
    ]
    assert (areas[0] == 36).all()
    assert areas[1].max() == 5 * 36 and areas[1].min() > 36


@pytest.mark.parametrize(
    ("height", "width", "margin", "quoted"),
    [(128, 256, 0, "height=128"), (256, 128, 0, "width=128"), (160, 200, 16, "height=128")],
)
def test_a_box_that_does_not_fit_is_refused(height, width, margin, quoted):
    with pytest.raises(ValueError, match=quoted):
        RectangleMasks(vertical_margin=margin)(SEEDS[:1], height, width)


@pytest.mark.parametrize(
    "arguments",
    [
        {"height": 0},
        {"count": 0},
        {"max_delta_width": 128},
        {"max_delta_height": -1},
        {"vertical_margin": -1},
        {"horizontal_margin": -2},
    ],
)
def test_bad_arguments_are_refused(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"{name} .*{value}"):
        RectangleMasks(**arguments)


def test_boxes_are_filled():
    holes = RectangleMasks()(SEEDS[:20], 256, 256).numpy()
    for hole in holes[..., 0].astype(bool):
        rows, columns = hole.any(axis=1), hole.any(axis=0)
        np.testing.assert_array_equal(hole, rows[:, None] & columns)
