import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from deepfill_tf.compat import keras
from deepfill_tf.ops import convolution
from tests.closeness import assert_close


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("f")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "strides", "rate"), [(3, 1, 1), (5, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 2), (3, 1, 4)]
)
@pytest.mark.parametrize("shape", [(9, 12), (16, 10)])
def test_zero_padding_equals_keras(padding, size, strides, rate, shape):
    images, kernel = random(2, *shape, 3), random(size, size, 3, 4)
    layer = keras.layers.Conv2D(
        4, size, strides=strides, dilation_rate=rate, padding=padding, use_bias=False
    )
    layer.build(images.shape)
    layer.set_weights([kernel])
    actual = ops.convolve(
        tf.constant(images), kernel, strides=strides, dilation_rate=rate, padding=padding
    )
    assert_close(actual, layer(images), tolerance=1e-5)


@pytest.mark.parametrize("padding", ["symmetric", "reflect"])
@pytest.mark.parametrize(
    ("size", "strides", "rate"), [(3, 1, 1), (5, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 2), (3, 1, 4)]
)
@pytest.mark.parametrize("shape", [(9, 12), (16, 10)])
def test_mirrored_padding_equals_numpys_followed_by_none(padding, size, strides, rate, shape):
    images, kernel = random(2, *shape, 3), random(size, size, 3, 4)
    margin = rate * (size - 1) // 2
    padded = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)], mode=padding)
    expected = ops.convolve(
        tf.constant(padded), kernel, strides=strides, dilation_rate=rate, padding="valid"
    )
    actual = ops.convolve(
        tf.constant(images), kernel, strides=strides, dilation_rate=rate, padding=padding
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize("skip_padding", [True, False])
def test_strides_are_not_dropped_with_a_dilation(skip_padding, avx512, monkeypatch):
    monkeypatch.setattr(convolution, "has_avx512", lambda: avx512)
    options = {"strides": 2, "dilation_rate": 2, "skip_padding": skip_padding}
    with pytest.raises(ValueError, match="strides > 1.* not supported"):
        ops.convolve(random(2, 9, 12, 3), random(3, 3, 3, 4), **options)


@pytest.mark.parametrize("rate", [1, 2, 16])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_dilated_convolutions_have_second_gradients_under_xla(rate, padding):
    """A convolution is bilinear: the loss sum(y^2) / 2 has d(dL . w) = K* K w."""
    images, weights, kernel = (
        random(1, 18, 17, 2),
        random(1, 18, 17, 2, 1)[..., 0],
        random(3, 3, 2, 2),
    )

    @tf.function(jit_compile=True)
    def gradients(images, weights):
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                y = ops.convolve(images, kernel, dilation_rate=rate, padding=padding)
                loss = tf.reduce_sum(y**2) / 2
            first = inner.gradient(loss, images)
            weighted = tf.reduce_sum(first * weights)
        return first, outer.gradient(weighted, images)

    _, second = gradients(tf.constant(images), tf.constant(weights))
    expected, _ = gradients(tf.constant(weights), tf.constant(images))
    assert_close(second, expected, tolerance=1e-5)
