"""Gradients of our own against those of TensorFlow's `convolution`."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops import convolution_gradients as module
from deepfill_tf.ops.convolution_gradients import convolution_gradients, dilated_conv2d
from deepfill_tf.ops.gated_convolution import convolve_gated
from tests.closeness import assert_close


def random(*shape):
    return tf.constant(np.random.default_rng(len(shape)).normal(size=shape).astype("f"))


def tensorflows(images, kernel, strides, rate, padding):
    return tf.nn.convolution(images, kernel, strides, padding.upper(), "NHWC", rate)


CASES = [
    # size, strides, rate, height, width
    (3, 1, 1, 9, 12),
    (5, 2, 1, 16, 10),
    (2, 1, 3, 9, 12),
    (3, 1, 2, 16, 10),
    (3, 1, 4, 9, 12),
    (3, 1, 16, 18, 17),
    (3, 1, 16, 5, 20),
]


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "strides", "rate", "height", "width"), CASES)
def test_gradients_equal_tensorflows(
    size, strides, rate, height, width, padding, avx512, monkeypatch
):
    monkeypatch.setattr(module, "has_avx512", lambda: avx512)
    reach = rate * (size - 1)
    if padding == "valid":
        height, width = height + reach, width + reach
    images, kernel = random(2, height, width, 3), random(size, size, 3, 4)[..., :4]
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = tensorflows(images, kernel, strides, rate, padding)
    gradient = random(*outputs.shape)
    expected = tape.gradient(outputs, [images, kernel], gradient)
    options = {"strides": strides, "dilation_rate": rate, "padding": padding}
    actual = convolution_gradients(images, kernel, gradient, **options)
    for ours, theirs in zip(actual, expected, strict=True):
        assert_close(ours, theirs, tolerance=1e-5)


@pytest.mark.parametrize("has_gradients", [True, False])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-5), ("float16", 1e-2), ("bfloat16", 5e-2)]
)
def test_gradients_of_dilated_convolutions_of_every_type(
    dtype, tolerance, has_gradients, monkeypatch
):
    if not has_gradients:
        monkeypatch.setattr(module, "has_dilated_kernel_gradients", lambda dtype: False)
    images, kernel, gradient = random(2, 9, 12, 3), random(3, 3, 3, 4), random(2, 9, 12, 4)
    options = {"dilation_rate": 2, "padding": "same"}
    expected = convolution_gradients(images, kernel, gradient, **options)
    cast = [tf.cast(values, dtype) for values in (images, kernel, gradient)]
    for ours, theirs in zip(convolution_gradients(*cast, **options), expected, strict=True):
        assert ours.dtype == dtype
        assert_close(tf.cast(ours, tf.float32), theirs, tolerance=tolerance)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("avx512", [True, False])
def test_gradients_of_many_channels_equal_tensorflows_on_every_processor(
    padding, avx512, monkeypatch
):
    monkeypatch.setattr(module, "has_avx512", lambda: avx512)
    images, kernel = random(2, 10, 9, 32), random(3, 3, 32, 8)
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = tensorflows(images, kernel, 1, 1, padding)
    gradient = random(*outputs.shape)
    expected = tape.gradient(outputs, [images, kernel], gradient)
    actual = convolution_gradients(images, kernel, gradient, padding=padding)
    for ours, theirs in zip(actual, expected, strict=True):
        assert_close(ours, theirs, tolerance=1e-5)


@pytest.mark.parametrize("channels", [3, None])
@pytest.mark.parametrize("rate", [2, 8, 16])
def test_dilated_convolution_of_unknown_size_equals_tensorflows(rate, channels):
    images, kernel = random(2, 12, 9, 3), random(3, 3, 3, 4)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, channels]), tf.TensorSpec(kernel.shape)]
    )
    def by_kernel(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = dilated_conv2d(images, kernel, rate, "same")
            loss = tf.reduce_sum(outputs**2)
        return outputs, tape.gradient(loss, kernel)

    with tf.GradientTape() as tape:
        tape.watch(kernel)
        expected = tensorflows(images, kernel, 1, rate, "same")
        loss = tf.reduce_sum(expected**2)
    actual, gradient = by_kernel(images, kernel)
    assert_close(actual, expected, tolerance=1e-5)
    assert_close(gradient, tape.gradient(loss, kernel), tolerance=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid", "symmetric", "reflect"])
@pytest.mark.parametrize(("strides", "rate"), [(1, 1), (2, 1), (1, 2), (1, 4)])
def test_gated_convolution_and_its_gradients_equal_the_formula(strides, rate, padding):
    images, kernel, bias = random(2, 14, 16, 3), random(3, 3, 3, 8), random(8)
    margin = [[0, 0], [rate, rate], [rate, rate], [0, 0]]

    def formula(images, kernel, bias):
        known = padding in ("same", "valid")
        padded = images if known else tf.pad(images, margin, padding.upper())
        values = tensorflows(padded, kernel, strides, rate, padding if known else "valid") + bias
        features, gates = tf.split(values, 2, axis=-1)
        return tf.nn.elu(features) * tf.sigmoid(gates)

    def ours(images, kernel, bias):
        options = {"strides": strides, "dilation_rate": rate, "padding": padding}
        return convolve_gated(images, kernel, bias, **options)

    def outputs_and_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel, bias])
            outputs = function(images, kernel, bias)
            loss = tf.reduce_sum(outputs**2)
        return outputs, *tape.gradient(loss, [images, kernel, bias])

    for actual, expected in zip(
        outputs_and_gradients(ours), outputs_and_gradients(formula), strict=True
    ):
        assert_close(actual, expected, tolerance=1e-5)


@pytest.mark.parametrize("avx512", [True, False])
def test_dilated_convolution_has_second_gradients(avx512, monkeypatch):
    monkeypatch.setattr(module, "has_avx512", lambda: avx512)
    images, kernel = random(2, 9, 12, 3), random(3, 3, 3, 4)

    def second_gradients(convolution):
        with tf.GradientTape() as outer:
            outer.watch([images, kernel])
            with tf.GradientTape() as inner:
                inner.watch(kernel)
                loss = tf.reduce_sum(convolution(images, kernel) ** 3)
            slope = tf.reduce_sum(inner.gradient(loss, kernel) ** 2)
        return outer.gradient(slope, [images, kernel])

    actual = second_gradients(lambda *operands: dilated_conv2d(*operands, 2, "same"))
    expected = second_gradients(lambda *operands: tensorflows(*operands, 1, 2, "same"))
    for ours, theirs in zip(actual, expected, strict=True):
        assert_close(ours, theirs, tolerance=1e-4)


def test_gated_convolution_has_second_gradients():
    """Those of the sum of the squared first ones, as the gradient penalty has them."""
    images, kernel, bias = random(1, 8, 8, 2), random(3, 3, 2, 4), random(4)

    def of(function):
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            with tf.GradientTape() as inner:
                inner.watch(images)
                outputs = tf.reduce_sum(function(images, kernel, bias))
            slope = tf.reduce_sum(inner.gradient(outputs, images) ** 2)
        return outer.gradient(slope, kernel)

    def formula(images, kernel, bias):
        features, gates = tf.split(tensorflows(images, kernel, 1, 1, "same") + bias, 2, axis=-1)
        return tf.nn.elu(features) * tf.sigmoid(gates)

    assert_close(of(convolve_gated), of(formula), tolerance=1e-4)
