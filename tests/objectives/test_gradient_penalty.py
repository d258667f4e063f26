import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.objectives.gradient_penalty import gradient_penalty, interpolate
from tests.closeness import assert_close
from tests.reference_cases import case


def recorded_critic(r):
    """`q + 0.1 q^2` with `q = sum(a x^2 + b x)`, as the reference has it."""

    def critic(images):
        q = tf.reduce_sum(r["a"] * tf.square(images) + r["b"] * images, axis=[1, 2, 3])
        return (q + 0.1 * tf.square(q))[:, None]

    return critic


@pytest.mark.parametrize("key", ["nomask", "mask", "mask_norm0"])
def test_value_and_gradient_as_released(key):
    r = case("losses.npz", f"gradient_penalty/{key}")
    images = tf.constant(r["x"])
    masks = tf.constant(r["mask"] if key != "nomask" else np.ones([1, 1, 1, 1]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = gradient_penalty(recorded_critic(r), images, masks, slope=float(r["norm"]))
    assert_close(loss, r["loss"], tolerance=1e-5)
    assert_close(tape.gradient(loss, images), r["dloss_dx"], tolerance=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_no_nan_where_a_slope_is_exactly_zero(jit_compile):
    """One image has no hole and the other a critic that does not see it."""
    weight = tf.Variable(0.0)
    masks = np.zeros([2, 4, 4, 1], "f")
    masks[1] = 1

    @tf.function(jit_compile=jit_compile)
    def loss_and_gradient():
        with tf.GradientTape() as tape:
            loss = gradient_penalty(
                lambda x: weight * tf.reduce_sum(x, axis=[1, 2, 3])[:, None],
                tf.ones([2, 4, 4, 3]),
                tf.constant(masks),
            )
        return loss, tape.gradient(loss, weight)

    loss, gradient = loss_and_gradient()
    assert loss == 1  # (0 - 1)^2 for both
    assert gradient == 0


def test_only_slopes_in_the_hole_count():
    """A critic of slope 3 everywhere: 3 sqrt(values in the hole)."""
    masks = np.zeros([1, 4, 4, 1], "f")
    masks[0, :2, :2] = 1
    loss = gradient_penalty(
        lambda x: 3 * tf.reduce_sum(x, axis=[1, 2, 3])[:, None], tf.zeros([5, 4, 4, 1]), masks
    )
    np.testing.assert_allclose(loss, (3 * 2 - 1) ** 2, rtol=1e-6)


def test_interpolates_as_released():
    r = case("losses.npz", "interpolates")
    shares = tf.reshape(tf.constant(r["alpha"]), [-1])
    assert_close(interpolate(r["x"], r["y"], shares), r["result"], tolerance=1e-6)
