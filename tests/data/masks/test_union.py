"""Unions of holes."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import BrushStrokeMasks, RectangleMasks, UnionMasks
from deepfill_tf.data.seeds import Purpose, fold_in, seeds_of

SEEDS = seeds_of(1, Purpose.MASK, tf.range(50))
BOX = RectangleMasks(height=20, width=20, max_delta_height=0, max_delta_width=0)
THIN = BrushStrokeMasks(min_strokes=1, max_strokes=1, min_brush_width=2, max_brush_width=3)


def test_a_union_of_one_kind_twice_has_two_holes():
    once = UnionMasks(generators=[BOX])(SEEDS, 128, 128).numpy()
    twice = UnionMasks(generators=[BOX, BOX])(SEEDS, 128, 128).numpy()
    assert (twice >= once).all()
    assert (twice.sum(axis=(1, 2, 3)) > once.sum(axis=(1, 2, 3))).all()


def test_unions_may_be_nested():
    pair = UnionMasks(generators=[BOX, BOX])
    holes = UnionMasks(generators=[pair, pair])(SEEDS, 512, 512).numpy().sum(axis=(1, 2, 3))
    # Four boxes of 400 pixels seldom overlap in so large an image.
    assert np.median(holes) == 1600


def test_a_union_is_the_maximum_of_its_masks():
    union = UnionMasks(generators=[BOX, THIN])(SEEDS, 128, 128).numpy()
    parts = [m(fold_in(SEEDS, i), 128, 128).numpy() for i, m in enumerate((BOX, THIN))]
    np.testing.assert_array_equal(union, np.maximum(*parts))


def test_a_union_of_nothing_is_refused():
    with pytest.raises(ValueError, match="generators"):
        UnionMasks(generators=[])
