import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers import GatedConv2D, PlainConv2D, SpectralNorm
from deepfill_tf.ops import spectral_normalize
from tests.closeness import assert_close
from tests.layers.parity import TOLERANCE
from tests.reference_cases import case, cases

DISCRIMINATOR_CASES = cases("layers.npz", "v2/dis_conv/")


def released_layer(r) -> SpectralNorm:
    layer = SpectralNorm(PlainConv2D(7, kernel_size=5, strides=2, activation="leaky_relu"))
    layer.build(r["x"].shape)
    layer.layer.kernel.assign(r["kernel"])
    layer.layer.bias.assign(r["bias"])
    layer.u.assign(r["u"])
    return layer


def output_and_gradients(layer, r):
    x = tf.constant(r["x"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        total = tf.reduce_sum(y * r["dy"])
    return y, *tape.gradient(total, [x, *layer.trainable_variables])


@pytest.mark.parametrize("key", DISCRIMINATOR_CASES)
def test_discriminator_convolution_as_released(key):
    r = case("layers.npz", key)
    layer = released_layer(r)
    y, dx, _, dbias = output_and_gradients(layer, r)
    assert_close(y, r["y"], tolerance=TOLERANCE, what="y")
    assert_close(dx, r["dx"], tolerance=TOLERANCE, what="dx")
    assert_close(dbias, r["dbias"], tolerance=TOLERANCE, what="dbias")
    np.testing.assert_allclose(layer.u, r["u_after"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("key", DISCRIMINATOR_CASES)
def test_kernel_gradient_differs_from_the_released_only_by_the_stale_u(key):
    """The recorded one reads u' for u in the gradient gt u of u Mt, and nowhere else.

    So the difference is the matrix gt (u - u'): every row a multiple of u - u'.
    """
    r = case("layers.npz", key)
    _, _, dkernel, _ = output_and_gradients(released_layer(r), r)
    difference = (dkernel.numpy() - r["dkernel"]).reshape(-1, 7)
    direction = (r["u"] - r["u_after"])[0]
    direction /= np.linalg.norm(direction)
    rest = difference - np.outer(difference @ direction, direction)
    assert np.abs(rest).max() <= TOLERANCE * np.abs(r["dkernel"]).max()


@pytest.mark.parametrize("key", DISCRIMINATOR_CASES)
def test_kernel_gradient_equals_finite_differences(key):
    """Of the layer in NumPy and float64, along random directions, with u held."""
    r = {name: a.astype("float64") for name, a in case("layers.npz", key).items()}

    def loss(kernel):
        matrix = kernel.reshape(-1, 7)
        v = r["u"] @ matrix.T
        v /= np.linalg.norm(v)
        u = v @ matrix
        u /= np.linalg.norm(u)
        used = kernel / (v @ matrix @ u.T).item()
        y = tf.nn.conv2d(r["x"], used, 2, "SAME").numpy() + r["bias"]
        return np.sum(np.where(y > 0, y, 0.2 * y) * r["dy"])

    _, _, dkernel, _ = output_and_gradients(released_layer(r), case("layers.npz", key))
    dkernel = dkernel.numpy().astype("float64")
    generator = np.random.default_rng(0)
    for _ in range(20):
        direction = generator.normal(size=dkernel.shape)
        direction /= np.linalg.norm(direction)
        slope = (loss(r["kernel"] + 1e-6 * direction) - loss(r["kernel"] - 1e-6 * direction)) / 2e-6
        assert abs(np.vdot(dkernel, direction) - slope) <= TOLERANCE * np.linalg.norm(dkernel)


def wrapped(name):
    return {
        "conv": lambda: keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="relu"),
        "dilated": lambda: keras.layers.Conv2D(5, 3, dilation_rate=2, use_bias=False),
        "dense": lambda: keras.layers.Dense(5, activation="tanh"),
        "plain": lambda: PlainConv2D(5, padding="symmetric"),
        "gated": lambda: GatedConv2D(5),
    }[name]()


@pytest.mark.parametrize("name", ["conv", "dilated", "dense", "plain", "gated"])
def test_after_many_iterations_the_kernel_is_divided_by_its_largest_singular_value(name):
    images = tf.constant(np.random.default_rng(0).normal(size=[2, 8, 10, 4]).astype("f"))
    normalized, plain = SpectralNorm(wrapped(name), iterations=300), wrapped(name)
    normalized.build(images.shape)
    plain.build(images.shape)
    kernel = np.random.default_rng(1).normal(size=plain.kernel.shape).astype("f")
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    normalized.layer.kernel.assign(kernel)
    plain.kernel.assign(kernel / largest)
    assert_close(normalized(images), plain(images), tolerance=TOLERANCE)


def test_u_moves_in_training_only_and_never_the_kernel():
    layer = SpectralNorm(PlainConv2D(5))
    images = tf.ones([1, 8, 8, 4])
    layer(images)
    u, kernel = layer.u.numpy(), layer.layer.kernel.numpy()
    layer(images)
    layer(images, training=False)
    np.testing.assert_array_equal(layer.u, u)
    layer(images, training=True)
    assert np.abs(layer.u.numpy() - u).max() > 1e-3
    np.testing.assert_array_equal(layer.layer.kernel, kernel)
    assert not any(v is layer.u for v in layer.trainable_variables)


def test_iterations_at_once_equal_calls_one_after_another():
    images = tf.ones([1, 8, 8, 4])
    once, often = SpectralNorm(PlainConv2D(5), iterations=3), SpectralNorm(PlainConv2D(5))
    for layer in (once, often):
        layer.build(images.shape)
    often.layer.kernel.assign(once.layer.kernel)
    often.u.assign(once.u)
    at_once = once(images, training=True)
    for _ in range(3):
        one_by_one = often(images, training=True)
    np.testing.assert_allclose(at_once, one_by_one, rtol=0, atol=1e-6)
    np.testing.assert_allclose(once.u, often.u, rtol=0, atol=1e-6)


@pytest.mark.needs_addons
@pytest.mark.parametrize("name", ["conv", "dense"])
@pytest.mark.parametrize("iterations", [1, 2])
def test_one_call_of_spectral_norm_equals_the_addons(name, iterations):
    """The addons write kernel / sigma into the kernel, which this layer only computes."""
    import tensorflow_addons as tfa

    images = tf.constant(np.random.default_rng(0).normal(size=[2, 8, 10, 4]).astype("f"))
    layer = SpectralNorm(wrapped(name), iterations=iterations)
    addon = tfa.layers.SpectralNormalization(wrapped(name), power_iterations=iterations)
    for one in (layer, addon):
        one.build(images.shape)
    kernel, u = layer.layer.kernel.numpy(), layer.u.numpy()
    addon.layer.kernel.assign(kernel)
    addon.u.assign(u)
    y = addon(images, training=True)
    assert_close(layer(images, training=True), y, tolerance=TOLERANCE, what="y")
    assert_close(layer.u, addon.u, tolerance=TOLERANCE, what="u")
    _, sigma, _ = spectral_normalize(kernel, u, iterations)
    assert_close(addon.layer.kernel, kernel / sigma, tolerance=TOLERANCE, what="kernel")


@pytest.mark.parametrize("iterations", [0, -1, 1.5, "1"])
def test_bad_iterations_are_refused(iterations):
    with pytest.raises(
        ValueError, match=f"iterations must be a positive integer, got.*{iterations}"
    ):
        SpectralNorm(PlainConv2D(4), iterations=iterations)


def test_layers_without_spectral_norm_are_refused():
    with pytest.raises(ValueError, match="got BatchNormalization"):
        SpectralNorm(keras.layers.BatchNormalization())
    grouped = SpectralNorm(keras.layers.Conv2D(4, 3, groups=2))
    with pytest.raises(ValueError, match="one group"):
        grouped(tf.zeros([1, 8, 8, 4]))
