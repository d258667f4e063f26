import numpy as np
import tensorflow as tf

from deepfill_tf.ops import crop


def test_crops_are_a_box_of_each_image():
    images = np.random.default_rng(0).normal(size=[2, 7, 9, 3]).astype("f")
    boxes = crop(images, tf.constant([[0, 1, 2], [4, 5, 6]]), tf.constant([[5, 6], [0, 1]]))
    np.testing.assert_array_equal(boxes, np.stack([images[0, :3, 5:7], images[1, 4:, :2]]))


def test_the_gradient_of_a_crop_stays_in_its_box():
    images = tf.zeros([1, 5, 5, 1])

    @tf.function(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(crop(images, tf.constant([[1, 2]]), tf.constant([[3, 4]])))
        return tape.gradient(total, images)

    expected = np.zeros([1, 5, 5, 1])
    expected[:, 1:3, 3:5] = 1
    np.testing.assert_array_equal(gradient(), expected)
