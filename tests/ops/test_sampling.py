import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.closeness import assert_close


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def positions(*shape, low, high, seed=1):
    values = np.random.default_rng(seed).uniform(low, high, [2, *shape])
    return tf.constant(values[0], tf.float32), tf.constant(values[1], tf.float32)


def test_sampling_at_whole_positions_is_a_gather():
    x = noise(2, 5, 7, 3)
    generator = np.random.default_rng(1)
    rows, columns = generator.integers(0, 5, [2, 4, 6]), generator.integers(0, 7, [2, 4, 6])
    expected = np.stack([x[i][rows[i], columns[i]] for i in range(2)])
    actual = ops.sample_bilinear(x, tf.constant(rows), tf.constant(columns))
    np.testing.assert_array_equal(actual, expected)


def test_sampling_reproduces_ramps():
    """3 row - 2 column + row * column is bilinear itself."""
    i, j = np.mgrid[:9, :12].astype("f")
    x = tf.constant((3 * i - 2 * j + i * j)[None, :, :, None])
    rows, columns = positions(1, 20, 20, low=0, high=8)
    expected = 3 * rows - 2 * columns + rows * columns
    np.testing.assert_allclose(
        ops.sample_bilinear(x, rows, columns)[..., 0], expected, rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("outside", [1e-3, 1.0, 2.5, 1e9, np.inf])
def test_sampling_outside_reads_the_border(outside):
    x = noise(1, 4, 6, 2)
    rows = tf.constant([[[-outside, 3 + outside, 1.0, 2.0]]], tf.float32)
    columns = tf.constant([[[2.0, 3.0, -outside, 5 + outside]]], tf.float32)
    actual = ops.sample_bilinear(x, rows, columns)[0, 0]
    np.testing.assert_array_equal(actual, x[0, [0, 3, 1, 2], [2, 3, 0, 5]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_sampling_of_images_one_pixel_wide(shape):
    x = noise(1, *shape, 2)
    rows, columns = (p[None, :, None] for p in positions(30, low=-1, high=6))
    length = np.arange(max(shape))
    along = np.clip((columns if shape[0] == 1 else rows)[0, :, 0], 0, length[-1])
    expected = np.stack([np.interp(along, length, x.reshape(-1, 2)[:, c]) for c in (0, 1)], -1)
    np.testing.assert_allclose(
        ops.sample_bilinear(x, rows, columns)[0, :, 0], expected, rtol=0, atol=1e-6
    )


def test_gradients_of_sampling_equal_finite_differences():
    """The result is linear in each argument between pixels, so the step may be large."""
    x = tf.constant(noise(2, 4, 5, 2))
    generator = np.random.default_rng(1)
    shares = generator.uniform(0.25, 0.75, [2, 2, 3, 4])
    whole = np.stack([generator.integers(0, 3, [2, 3, 4]), generator.integers(0, 4, [2, 3, 4])])
    rows, columns = tf.unstack(tf.constant(whole + shares, tf.float32))
    theory, differences = tf.test.compute_gradient(
        ops.sample_bilinear, [x, rows, columns], delta=1 / 8
    )
    for one, two in zip(theory, differences, strict=True):
        assert_close(one, two, tolerance=1e-5)


def test_sampling_and_its_gradients_under_xla_and_with_sizes_unknown_when_traced():
    inputs = [tf.constant(noise(2, 6, 8, 3)), *positions(2, 5, 7, low=-2, high=9)]

    def values_and_gradients(x, rows, columns):
        with tf.GradientTape() as tape:
            tape.watch([x, rows, columns])
            y = ops.sample_bilinear(x, rows, columns)
            total = tf.reduce_sum(y**2)
        return y, tape.gradient(total, [x, rows, columns])

    free = tf.TensorSpec([None, None, None])
    compiled = tf.function(
        values_and_gradients,
        input_signature=[tf.TensorSpec([None, None, None, 3]), free, free],
        jit_compile=True,
    )
    expected, expected_gradients = values_and_gradients(*inputs)
    actual, gradients = compiled(*inputs)
    assert_close(actual, expected, tolerance=1e-6)
    for one, two in zip(gradients, expected_gradients, strict=True):
        assert np.abs(two).max() > 0
        assert_close(one, two, tolerance=1e-5)


def test_sampling_bfloat16_features_at_float32_positions():
    """A position of 200.5 is not a bfloat16; only the result is rounded, once."""
    x = tf.cast(noise(1, 4, 256, 3), tf.bfloat16)
    rows, columns = positions(1, 10, 10, low=0.0, high=3.0)
    columns += 200
    with tf.GradientTape() as tape:
        tape.watch([x, rows])
        y = ops.sample_bilinear(x, rows, columns)
    gradients = tape.gradient(y, [x, rows])
    assert [y.dtype, *(g.dtype for g in gradients)] == [tf.bfloat16, tf.bfloat16, tf.float32]
    exact = ops.sample_bilinear(tf.cast(x, tf.float32), rows, columns)
    np.testing.assert_array_equal(y, tf.cast(exact, tf.bfloat16))


@pytest.mark.needs_addons
def test_sampling_equals_the_addons():
    """Values inside and outside and gradients inside, of both of their samplers."""
    import tensorflow_addons as tfa

    x = tf.constant(noise(2, 9, 12, 4))
    dy = noise(2, 9, 12, 4, seed=2)
    grid = tf.meshgrid(tf.range(9.0), tf.range(12.0), indexing="ij")
    flow = tf.constant(3 * noise(2, 9, 12, 2, seed=3))
    rows, columns = grid[0] + flow[..., 0], grid[1] + flow[..., 1]
    points = tf.reshape(tf.stack([rows, columns], -1), [2, -1, 2])

    def values_and_gradients(sample, *inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = tf.reshape(sample(*inputs), dy.shape)
            total = tf.reduce_sum(y * dy)
        return y, tape.gradient(total, inputs)

    y, (dx, drows, dcolumns) = values_and_gradients(ops.sample_bilinear, x, rows, columns)
    interpolated = values_and_gradients(tfa.image.interpolate_bilinear, x, points)
    assert_close(y, interpolated[0], tolerance=1e-5)
    assert_close(dx, interpolated[1][0], tolerance=1e-5)
    dpoints = tf.reshape(interpolated[1][1], flow.shape)
    assert_close(tf.stack([drows, dcolumns], -1), dpoints, tolerance=1e-5)
    warped = values_and_gradients(tfa.image.dense_image_warp, x, -flow)
    assert_close(y, warped[0], tolerance=1e-5)
    assert_close(dx, warped[1][0], tolerance=1e-5)


def test_cell_offsets_are_rounded_means():
    """Two pixels are one cell of rate 2; what lies outside is read at the border."""
    i, j = np.mgrid[:8, :12].astype("f")
    rows, columns = tf.constant((i + 2)[None]), tf.constant((j - 4)[None])
    offsets = ops.cell_offsets(rows, columns, 2)
    assert offsets.dtype == tf.int32
    np.testing.assert_array_equal(offsets[0, :, 0, 0], [1, 1, 1, 0])
    np.testing.assert_array_equal(offsets[0, 0, :, 1], [0, -1, -2, -2, -2, -2])


def test_cell_offsets_of_a_size_that_is_not_a_multiple_of_the_rate():
    offsets = ops.cell_offsets(tf.zeros([2, 7, 8]), tf.zeros([2, 7, 8]), 3)
    assert tuple(offsets.shape) == (2, 2, 2, 2)
