import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.layers import AppearanceFlow


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype("f"))


def holes(count=2, height=8, width=12):
    masks = np.zeros([count, height, width, 1], "f")
    masks[:, 2:5, 3:8] = 1
    return tf.constant(masks)


@pytest.mark.parametrize("masks", [None, holes(1), holes(2)])
def test_appearance_flow_is_the_identity_at_first(masks):
    foreground, background = noise(2, 8, 12, 4), noise(2, 8, 12, 4, seed=1)
    features, offsets = AppearanceFlow(filters=8)(foreground, background, masks)
    np.testing.assert_allclose(features, background, rtol=0, atol=1e-5)
    assert offsets.dtype == tf.int32
    np.testing.assert_array_equal(offsets, np.zeros([2, 4, 6, 2]))


def test_without_a_background_the_foreground_is_its_own():
    foreground = noise(2, 8, 12, 4)
    features, _ = AppearanceFlow(filters=8)(foreground)
    np.testing.assert_allclose(features, foreground, rtol=0, atol=1e-5)


def test_a_flow_of_one_row_reads_the_row_below():
    """The last row reads itself: there is no row below."""
    foreground, background = noise(2, 8, 12, 4), noise(2, 8, 12, 4, seed=1)
    layer = AppearanceFlow(rate=1, filters=8)
    layer(foreground, background, holes())
    layer.flow_bias.assign([1.0, 0.0])
    features, offsets = layer(foreground, background, holes())
    below = tf.concat([background[:, 1:], background[:, -1:]], axis=1)
    np.testing.assert_allclose(features, below, rtol=0, atol=1e-5)
    expected = np.zeros([2, 8, 12, 2])
    expected[:, :-1, :, 0] = 1
    np.testing.assert_array_equal(offsets, expected)


def test_offsets_are_in_cells_of_rate_pixels():
    foreground = noise(2, 8, 12, 4)
    layer = AppearanceFlow(rate=2, filters=8)
    layer(foreground)
    layer.flow_bias.assign([0.0, -4.0])
    _, offsets = layer(foreground)
    expected = np.zeros([2, 4, 6, 2])
    expected[..., 1] = [0, -1, -2, -2, -2, -2]
    np.testing.assert_array_equal(offsets, expected)


def test_appearance_flow_learns_a_translation():
    """Gradients through the sampler lead from the identity to a shift by one column."""
    i, j = np.mgrid[:8, :12]
    image = tf.constant(np.stack([np.sin(i / 3), np.cos(j / 4)], -1)[None].astype("f"))
    target = tf.concat([image[:, :, 1:], image[:, :, -1:]], axis=2)
    layer = AppearanceFlow(filters=8)
    layer(image)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((layer(image)[0] - target) ** 2)
        bias = layer.flow_bias
        bias.assign(bias - 0.1 * tape.gradient(loss, [bias])[0])
    np.testing.assert_allclose(layer.flow_bias, [0, 1], atol=0.05)


def test_the_flow_is_float32_under_mixed_precision():
    """7.03 as a bfloat16 is 7.03125 and 201.03 is 201."""
    layer = AppearanceFlow(filters=8, dtype="mixed_bfloat16")
    ramp = tf.tile(tf.range(12.0)[None, None, :, None], [1, 8, 1, 4])
    layer(ramp)
    layer.flow_bias.assign([0.0, 201.03])
    flow = layer.flow(tf.cast(ramp, tf.bfloat16))
    assert flow.dtype == tf.float32
    np.testing.assert_allclose(flow[..., 1], np.full([1, 8, 12], 201.03), rtol=1e-6)


def test_names_of_the_variables_of_appearance_flow():
    image = keras.Input([None, None, 4])
    layer = AppearanceFlow(filters=8, name="attention")
    layer(image)
    names = [f"conv{i}/{part}" for i in (1, 2, 3, 4) for part in ("bias", "kernel")]
    assert list(named_variables(layer.weights)) == [*names, "flow_bias", "flow_kernel"]


@pytest.mark.parametrize("name", ["rate", "filters"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None])
def test_bad_arguments_of_appearance_flow_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got {value}"):
        AppearanceFlow(**{name: value})
