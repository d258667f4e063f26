"""Properties of all generators of masks."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import BrushStrokeMasks, MixtureMasks, RectangleMasks, UnionMasks
from deepfill_tf.data.seeds import Purpose, seeds_of

BOXES = RectangleMasks(height=24, width=40, max_delta_height=8, max_delta_width=8, count=2)
GENERATORS = {
    "rectangles": BOXES,
    "brush_strokes": BrushStrokeMasks(max_strokes=2, max_vertices=6),
    "brush_strokes_as_released": BrushStrokeMasks(as_released=True),
    "union": UnionMasks(generators=[BOXES, BrushStrokeMasks(max_vertices=5)]),
    "mixture": MixtureMasks(generators=[BOXES, BrushStrokeMasks(max_vertices=5)], weights=[1, 2]),
}


@pytest.fixture(params=GENERATORS)
def masks(request):
    return GENERATORS[request.param]


def _seeds(*positions, seed=5):
    return seeds_of(seed, Purpose.MASK, tf.constant(positions))


def test_masks_are_float32_zeros_and_ones(masks):
    holes = masks(_seeds(0, 1, 2), 64, 96)
    assert holes.shape == (3, 64, 96, 1) and holes.dtype == tf.float32
    assert set(np.unique(holes)) == {0.0, 1.0}


def test_each_mask_is_a_function_of_its_own_seed(masks):
    together = masks(_seeds(0, 7, 2**40), 64, 64).numpy()
    for place, position in enumerate((0, 7, 2**40)):
        np.testing.assert_array_equal(masks(_seeds(position), 64, 64)[0], together[place])


def test_masks_depend_on_seed_and_position(masks):
    holes = [masks(_seeds(1, 2), 64, 64), masks(_seeds(1, 2, seed=6), 64, 64)]
    different = np.concatenate(holes).reshape(4, -1)
    assert len(np.unique(different, axis=0)) == 4


def test_masks_are_the_same_under_xla(masks):
    seeds = _seeds(*range(8))
    compiled = tf.function(lambda s: masks(s, 64, 96), jit_compile=True)
    np.testing.assert_array_equal(compiled(seeds), masks(seeds, 64, 96))


def test_the_number_of_masks_may_be_dynamic(masks):
    signature = [tf.TensorSpec([None, 2], tf.int64)]
    free = tf.function(lambda s: masks(s, 48, 64), input_signature=signature)
    for count in (1, 3):
        seeds = _seeds(*range(count))
        np.testing.assert_array_equal(free(seeds), masks(seeds, 48, 64))
