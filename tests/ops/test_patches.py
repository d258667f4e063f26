import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.closeness import assert_close
from tests.reference_cases import case, cases, description


@pytest.mark.parametrize("key", cases("layers.npz", "extract_patches/"))
def test_patches_as_released(key):
    r, words = case("layers.npz", key), description("layers.npz", key)
    x = tf.constant(r["x"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        patches = ops.extract_patches(x, words["ksize"], words["stride"])
        total = tf.reduce_sum(patches * r["dy"])
    np.testing.assert_array_equal(patches, r["y"])
    assert_close(tape.gradient(total, x), r["dx"], tolerance=1e-5)


def test_a_patch_is_flattened_row_by_row_channels_last():
    x = tf.reshape(tf.range(2 * 4 * 4 * 3), [2, 4, 4, 3])
    patches = ops.extract_patches(x, 2, 2)
    np.testing.assert_array_equal(patches[1, 1, 0], x[1, 2:4, 0:2].numpy().ravel())
