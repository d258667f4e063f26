import functools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import zoom

from deepfill_tf import ops
from tests.closeness import assert_close
from tests.reference_cases import case, cases, description

RESIZE = {"nearest": ops.resize_nearest, "bilinear": ops.resize_bilinear}
RAW = {
    "nearest": functools.partial(tf.raw_ops.ResizeNearestNeighbor, align_corners=True),
    "bilinear": functools.partial(tf.raw_ops.ResizeBilinear, align_corners=True),
}
sizes = st.integers(1, 40)


def values_and_gradient(resize, x, dy):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = resize(x)
        total = tf.reduce_sum(y * dy)
    return y.numpy(), tape.gradient(total, x).numpy()


@pytest.mark.parametrize("key", cases("layers.npz", "resize/"))
def test_resizing_to_sizes_as_released(key):
    r = case("layers.npz", key)
    resize = RESIZE[description("layers.npz", key)["method"]]
    height, width = r["y"].shape[1:3]
    y, dx = values_and_gradient(lambda x: resize(x, height, width), r["x"], r["dy"])
    np.testing.assert_allclose(y, r["y"], rtol=0, atol=1e-6)
    assert_close(dx, r["dx"], tolerance=1e-5)


@pytest.mark.parametrize("key", cases("layers.npz", "resize_scale/"))
def test_resizing_by_factors_as_released(key):
    r, words = case("layers.npz", key), description("layers.npz", key)
    height, width = (int(n * words["scale"]) for n in r["x"].shape[1:3])
    y = RESIZE[words["method"]](tf.constant(r["x"]), height, width)
    np.testing.assert_allclose(y, r["y"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", ["256x256", "128x192", "104x64", "40x56"])
def test_masks_for_the_attention_as_released(size):
    r = case("layers.npz", f"mask_resize/{size}")
    quarter = ops.resize_nearest(tf.constant(r["mask"]), *r["quarter"].shape[1:3])
    np.testing.assert_array_equal(quarter, r["quarter"])
    eighth = ops.resize_nearest(quarter, *r["eighth"].shape[1:3])
    np.testing.assert_array_equal(eighth, r["eighth"])


def test_halving_is_not_every_second_pixel():
    row = tf.reshape(tf.range(64.0), [1, 1, 64, 1])
    chosen = ops.resize_nearest(row, 1, 32)[0, 0, :, 0]
    np.testing.assert_array_equal(chosen, [2 * i + (i >= 16) for i in range(32)])


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@hypothesis.given(h=sizes, w=sizes, height=sizes, width=sizes)
@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
def test_resizing_equals_the_kernels_of_tensorflow_1(method, h, w, height, width):
    x = np.random.default_rng(0).uniform(-1, 1, [2, h, w, 3]).astype("f")
    expected = RAW[method](images=x, size=[height, width])
    actual = RESIZE[method](tf.constant(x), height, width)
    if method == "nearest":
        np.testing.assert_array_equal(actual, expected)
    else:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("sizes_in_out", [((7, 9), (13, 5)), ((6, 8), (12, 16))])
def test_second_gradients_of_resizing_under_xla(method, sizes_in_out):
    """For y = R x and L = sum(y^3) / 3: dL = Rt y^2 and d(dL . w) = 2 Rt (y * R w)."""
    (h, w), (height, width) = sizes_in_out
    generator = np.random.default_rng(0)
    x, weights = generator.normal(size=[2, 1, h, w, 2]).astype("f")

    @tf.function(jit_compile=True)
    def gradients(x, weights):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(RESIZE[method](x, height, width) ** 3) / 3
            first = inner.gradient(loss, x)
            weighted = tf.reduce_sum(first * weights)
        return first, outer.gradient(weighted, x)

    first, second = gradients(tf.constant(x), tf.constant(weights))
    # The matrix R, column by column, from TensorFlow's own kernel.
    basis = np.eye(h * w, dtype="f").reshape(h * w, h, w, 1)
    matrix = RAW[method](images=basis, size=[height, width]).numpy().reshape(h * w, -1)
    y, r_weights = (np.einsum("io,nic->noc", matrix, a.reshape(1, h * w, 2)) for a in (x, weights))
    expected_first = np.einsum("io,noc->nic", matrix, y**2).reshape(x.shape)
    expected_second = np.einsum("io,noc->nic", matrix, 2 * y * r_weights).reshape(x.shape)
    assert_close(first, expected_first, tolerance=1e-5)
    assert_close(second, expected_second, tolerance=1e-5)


@hypothesis.given(h=sizes, w=sizes)
@hypothesis.settings(deadline=None, max_examples=20, derandomize=True)
def test_nearest_upsampling_repeats_every_pixel(h, w):
    x = np.random.default_rng(0).normal(size=[2, h, w, 3]).astype("f")
    expected = x.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(ops.upsample_nearest_2x(tf.constant(x)), expected)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_resizing_with_sizes_unknown_when_traced(method):
    x = np.random.default_rng(0).normal(size=[1, 10, 14, 2]).astype("f")

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 2])])
    def halved(x):
        height, width = ops.height_and_width(x)
        return RESIZE[method](x, height // 2, width // 2)

    expected = RAW[method](images=x, size=[5, 7])
    np.testing.assert_allclose(halved(x), expected, rtol=0, atol=1e-6)


def test_upsampled_maps_are_interpolated_linearly_from_the_middles_of_pixels():
    maps = np.random.default_rng(0).normal(size=[1, 5, 7, 2]).astype("f")
    expected = zoom(maps, (1, 2, 2, 1), order=1, mode="nearest", grid_mode=True)
    upsampled = ops.upsample_bilinear_2x(tf.constant(maps))
    np.testing.assert_allclose(upsampled, expected, rtol=0, atol=1e-6)
    signature = [tf.TensorSpec([None, None, None, 2])]
    unknown = tf.function(ops.upsample_bilinear_2x, input_signature=signature)
    np.testing.assert_array_equal(unknown(tf.constant(maps)), upsampled)
