import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.closeness import assert_close


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (4, 7)])
def test_upsample_conv2d_equals_upsampling_and_a_convolution(kernel_size, size):
    generator = np.random.default_rng(0)
    images = tf.constant(generator.normal(size=[2, *size, 3]).astype("f"))
    kernel = tf.constant(generator.normal(size=[kernel_size, kernel_size, 3, 5]).astype("f"))
    expected = ops.convolve(ops.upsample_nearest_2x(images), kernel)
    np.testing.assert_allclose(ops.upsample_conv2d(images, kernel), expected, rtol=0, atol=1e-5)
    reach = kernel_size - 1
    margins = [[0, 0], [reach, reach], [reach, reach], [0, 0]]
    full = ops.convolve(tf.pad(ops.upsample_nearest_2x(images), margins), kernel, padding="valid")
    np.testing.assert_allclose(ops.upsample_conv2d(images, kernel, "full"), full, rtol=0, atol=1e-5)


def test_gradients_equal_those_of_upsampling_and_a_convolution():
    random = np.random.default_rng(0)
    images = tf.constant(random.normal(size=[2, 5, 4, 3]).astype("f"))
    kernel = tf.constant(random.normal(size=[3, 3, 3, 2]).astype("f"))

    def first_and_second(convolution):
        with tf.GradientTape() as outer:
            outer.watch([images, kernel])
            with tf.GradientTape() as inner:
                inner.watch([images, kernel])
                total = tf.reduce_sum(convolution(images, kernel) ** 3)
            gradients = inner.gradient(total, [images, kernel])
            slope = tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients])
        return *gradients, *outer.gradient(slope, [images, kernel])

    def formula(images, kernel):
        return tf.nn.conv2d(ops.upsample_nearest_2x(images), kernel, 1, "SAME")

    pairs = zip(first_and_second(ops.upsample_conv2d), first_and_second(formula), strict=True)
    for actual, expected in pairs:
        assert_close(actual, expected, tolerance=1e-5)
