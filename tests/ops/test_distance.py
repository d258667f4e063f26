import cv2
import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from deepfill_tf.ops.distance import NOTHING_KNOWN


def random_masks(height, width, known, count=3):
    """From nearly all known to only `known` pixels known."""
    generator = np.random.default_rng(height * width)
    masks = (generator.random([count, height, width, 1]) > 0.3).astype("f")
    masks[:, 0, 0] = 0
    masks[-1] = 1
    masks[-1].flat[generator.choice(height * width, known, replace=False)] = 0
    return masks


def opencv(masks):
    holes = masks[..., 0].astype(np.uint8)
    found = [cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for hole in holes]
    return np.stack(found)[..., None]


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("size", [(2, 3), (1, 9), (16, 16), (9, 40), (40, 9), (128, 96)])
def test_distance_equals_opencv(size, jit_compile):
    distance = ops.distance_to_known
    if jit_compile:
        distance = tf.function(distance, jit_compile=True)
    masks = np.concatenate([random_masks(*size, known) for known in (1, 5)])
    np.testing.assert_allclose(distance(tf.constant(masks)), opencv(masks), rtol=0, atol=1e-4)


def test_distance_with_sizes_unknown_when_traced():
    signature = [tf.TensorSpec([None, None, None, 1])]
    distance = tf.function(ops.distance_to_known, input_signature=signature)
    for size in [(5, 8), (20, 3)]:
        masks = random_masks(*size, 1)
        np.testing.assert_allclose(distance(masks), opencv(masks), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [tf.bool, tf.uint8, tf.bfloat16])
def test_distance_of_masks_of_any_dtype(dtype):
    masks = random_masks(12, 15, 2)
    distance = ops.distance_to_known(tf.cast(masks, dtype))
    assert distance.dtype == tf.float32
    np.testing.assert_allclose(distance, opencv(masks), rtol=0, atol=1e-4)


def test_an_image_without_a_known_pixel_does_not_affect_the_others():
    masks = random_masks(12, 15, 2)
    masks[0] = 1
    distance = ops.distance_to_known(masks)
    np.testing.assert_array_equal(distance[0], np.full([12, 15, 1], NOTHING_KNOWN, "f"))
    np.testing.assert_allclose(distance[1:], opencv(masks[1:]), rtol=0, atol=1e-4)


def test_distance_is_zero_without_a_hole():
    assert not np.any(ops.distance_to_known(tf.zeros([2, 4, 5, 1])))
