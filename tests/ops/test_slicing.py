"""Slices against those in Python's notation."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops.slicing import slice_axes


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [[2, 5, 7], [None, None, None]])
def test_slices_and_gradients_equal_those_of_python(shape, dtype):
    array = tf.cast(np.random.default_rng(0).normal(size=[2, 5, 7]), dtype)

    def gradient(of):
        with tf.GradientTape() as tape:
            tape.watch(array)
            part = of(array)
            total = tf.reduce_sum(part * part)
        return part, tape.gradient(total, array)

    ours = tf.function(
        lambda array, end: slice_axes(array, {1: (1, end), 2: (3, None)}),
        input_signature=[tf.TensorSpec(shape, dtype), tf.TensorSpec([], tf.int32)],
    )
    actual = gradient(lambda array: ours(array, tf.constant(4)))
    for one, other in zip(actual, gradient(lambda array: array[:, 1:4, 3:]), strict=True):
        np.testing.assert_array_equal(one, other)
