import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops


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
