import numpy as np
import tensorflow as tf

from deepfill_tf.ops import mirror_pad


def test_the_mirror_image_is_continued_as_often_as_needed():
    maps = np.arange(15.0, dtype="f").reshape(1, 3, 5, 1)
    padded = mirror_pad(tf.constant(maps), 11, 8)
    expected = np.pad(maps, [[0, 0], [0, 8], [0, 3], [0, 0]], "symmetric")
    np.testing.assert_array_equal(padded, expected)
