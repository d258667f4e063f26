"""A layer against a recorded layer of the original."""

import tensorflow as tf

from deepfill_tf.compat import keras
from tests.closeness import assert_close
from tests.reference_cases import case

TOLERANCE = 1e-5


def arguments_of(key: str) -> dict:
    """Constructor arguments out of a key such as `v2/gen_conv/k3_s1_r2_SAME_elu_c8_9x12`."""
    size, strides, rate, padding, activation = key.split("/")[-1].split("_")[:5]
    return {
        "kernel_size": int(size[1:]),
        "strides": int(strides[1:]),
        "dilation_rate": int(rate[1:]),
        "padding": padding.lower(),
        "activation": None if activation == "none" else activation,
    }


def assert_as_released(layer: keras.layers.Layer, key: str) -> None:
    """Output and the gradients with respect to input, kernel and bias."""
    r = case("layers.npz", key)
    layer.build(r["x"].shape)
    assert tuple(layer.kernel.shape) == r["kernel"].shape
    layer.kernel.assign(r["kernel"])
    layer.bias.assign(r["bias"])
    x = tf.constant(r["x"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        total = tf.reduce_sum(y * r["dy"])
    gradients = tape.gradient(total, [x, *layer.trainable_variables])
    assert_close(y, r["y"], tolerance=TOLERANCE, what="y")
    named = dict(zip(("dx", "dkernel", "dbias"), gradients, strict=True))
    for name, gradient in named.items():
        assert_close(gradient, r[name], tolerance=TOLERANCE, what=name)
