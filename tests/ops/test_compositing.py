import numpy as np
import tensorflow as tf

from deepfill_tf import ops


def test_composite_keeps_known_pixels_bit_for_bit():
    generator = np.random.default_rng(0)
    prediction, images = generator.normal(size=[2, 2, 8, 6, 3]).astype("f")
    masks = (generator.random([2, 8, 6, 1]) > 0.5).astype("f")
    completed = ops.composite(tf.constant(prediction), tf.constant(images), tf.constant(masks))
    np.testing.assert_array_equal(completed, np.where(masks == 1, prediction, images))


def test_one_mask_serves_the_whole_batch():
    images = tf.ones([3, 4, 4, 3])
    masks = tf.reshape(tf.cast(tf.range(16) % 2, tf.float32), [1, 4, 4, 1])
    completed = ops.composite(-images, images, masks)
    for example in completed.numpy():
        np.testing.assert_array_equal(example, np.where(masks[0] == 1, -1, 1) * np.ones([1, 1, 3]))


def test_mask_channels_are_ones_then_the_mask():
    images, masks = tf.fill([2, 4, 5, 4], 7.0), tf.zeros([1, 4, 5, 1])
    stacked = ops.with_mask_channels(images, masks)
    expected = np.broadcast_to([7, 7, 7, 7, 1, 0], [2, 4, 5, 6])
    np.testing.assert_array_equal(stacked, expected)
