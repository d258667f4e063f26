import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import PartialConv2D, PartialUpConv2D, PlainConv2D
from tests.closeness import assert_close

ACTIVATIONS = ["elu", "relu", "leaky_relu", "tanh", "clip", None]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def random_masks(*shape, seed=1):
    """Sparse pixels known, so that some receptive fields see nothing."""
    return (np.random.default_rng(seed).random([*shape, 1]) > 0.1).astype("f")


def filled(layer, channels=3):
    """With a bias that would show where a receptive field is without a known pixel."""
    layer.build((None, None, None, channels))
    layer.kernel.assign(noise(*layer.kernel.shape, seed=2))
    layer.bias.assign(noise(*layer.bias.shape, seed=3))
    return layer


def in_loops(layer, features, masks):
    """The paper's equations 1 and 2 pixel by pixel, without an activation."""
    size, stride, dilation = layer.kernel_size, layer.strides, layer.dilation_rate
    reach = (size - 1) * dilation + 1
    length, before = [], []
    for n in features.shape[1:3]:
        if layer.padding == "same":
            length.append(-(-n // stride))
            before.append(max((length[-1] - 1) * stride + reach - n, 0) // 2)
        else:
            margin = 0 if layer.padding == "valid" else (size - 1) * dilation // 2
            length.append((n + 2 * margin - reach) // stride + 1)
            before.append(margin)

    def inside(i, n):
        """The index that is meant by i, or None for a zero beyond the border."""
        if 0 <= i < n:
            return i
        if layer.padding == "symmetric":
            return -1 - i if i < 0 else 2 * n - 1 - i
        if layer.padding == "reflect":
            return -i if i < 0 else 2 * n - 2 - i
        return None

    kernel, bias = layer.kernel.numpy().astype("d"), layer.bias.numpy()
    y = np.zeros([len(features), *length, layer.filters])
    new = np.ones([len(features), *length, 1])
    for n, i, j in np.ndindex(*y.shape[:3]):
        total, known = 0.0, 0
        for a, b in np.ndindex(size, size):
            row = inside(i * stride - before[0] + a * dilation, features.shape[1])
            column = inside(j * stride - before[1] + b * dilation, features.shape[2])
            if row is not None and column is not None and masks[n, row, column, 0] == 0:
                total = total + features[n, row, column] @ kernel[a, b]
                known += 1
        if known:
            y[n, i, j] = total * size**2 / known + bias
            new[n, i, j] = 0
    return y, new


@pytest.mark.parametrize("padding", ["same", "valid", "symmetric", "reflect"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_partial_convolution_equals_loops(kernel_size, strides, dilation_rate, padding):
    layer = filled(PartialConv2D(4, kernel_size, strides, dilation_rate, padding, None))
    features, masks = noise(2, 9, 12, 3), random_masks(2, 9, 12)
    expected, expected_masks = in_loops(layer, features, masks)
    assert set(np.unique(expected_masks)) == {0, 1} or kernel_size == 5
    actual, new_masks = layer(features, masks)
    assert_close(actual, expected, tolerance=1e-5)
    np.testing.assert_array_equal(new_masks, expected_masks)


def test_partial_convolution_worked_by_hand():
    """Of the 9 pixels 1 to 9 under a kernel of ones, 2, 6 and 7 are known: 15 * 9 / 3 + 0.5."""
    layer = PartialConv2D(1, padding="valid", activation=None)
    layer.build((None, None, None, 1))
    layer.kernel.assign(tf.ones([3, 3, 1, 1]))
    layer.bias.assign([0.5])
    features = tf.reshape(tf.range(1.0, 10.0), [1, 3, 3, 1])
    known = tf.reshape(tf.constant([0, 1, 0, 0, 0, 1, 1, 0, 0.0]), [1, 3, 3, 1])
    y, masks = layer(features, 1 - known)
    assert (float(y[0, 0, 0, 0]), float(masks[0, 0, 0, 0])) == (45.5, 0.0)


@pytest.mark.parametrize(
    "masks", [None, np.zeros([1, 8, 10, 1], "f"), np.zeros([2, 8, 10, 1], "f")]
)
@pytest.mark.parametrize("padding", ["same", "valid", "symmetric", "reflect"])
def test_without_a_hole_it_is_a_plain_convolution_away_from_padded_zeros(padding, masks):
    partial = filled(PartialConv2D(4, padding=padding))
    plain = filled(PlainConv2D(4, padding=padding))
    features = noise(2, 8, 10, 3)
    (y, new_masks), expected = partial(features, masks), plain(features)
    inner = (slice(None), slice(1, -1), slice(1, -1)) if padding == "same" else ...
    assert_close(y.numpy()[inner], expected.numpy()[inner], tolerance=1e-6)
    assert tuple(new_masks.shape) == (
        2 if masks is not None and len(masks) == 2 else 1,
        *y.shape[1:3],
        1,
    )
    assert not np.any(new_masks)


def test_padded_zeros_count_as_unknown():
    """Under a kernel of ones a constant image stays constant up to its corners."""
    layer = PartialConv2D(1, activation=None)
    layer.build((None, None, None, 1))
    layer.kernel.assign(tf.ones([3, 3, 1, 1]))
    y, _ = layer(tf.ones([1, 5, 6, 1]))
    np.testing.assert_allclose(y, np.full([1, 5, 6, 1], 9), rtol=1e-6)


@pytest.mark.parametrize("value", [7.0, 1e38, np.inf, np.nan])
def test_values_in_the_hole_never_matter(value):
    layer = filled(PartialConv2D(4))
    features, masks = noise(2, 8, 10, 3), random_masks(2, 8, 10)

    def values_and_gradients(features):
        features = tf.constant(features)
        with tf.GradientTape() as tape:
            tape.watch(features)
            total = tf.reduce_sum(layer(features, masks)[0] ** 2)
        return [total, *tape.gradient(total, [features, layer.kernel, layer.bias])]

    expected = values_and_gradients(np.where(masks == 1, np.float32(0), features))
    actual = values_and_gradients(np.where(masks == 1, np.float32(value), features))
    for one, two in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.any(actual[1].numpy() * masks)


def test_the_mask_shrinks_by_a_ring_of_pixels():
    masks = np.zeros([1, 16, 16, 1], "f")
    masks[:, 4:13, 5:12] = 1
    layer = filled(PartialConv2D(4))
    features = tf.constant(noise(2, 16, 16, 3))
    _, masks = layer(features, masks)
    expected = np.zeros([1, 16, 16, 1], "f")
    expected[:, 5:12, 6:11] = 1
    np.testing.assert_array_equal(masks, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_without_a_known_pixel_the_output_is_zero_whatever_the_bias(activation):
    layer = filled(PartialConv2D(4, activation=activation))
    y, masks = layer(noise(2, 8, 8, 3), np.ones([1, 8, 8, 1], "f"))
    np.testing.assert_array_equal(y, np.zeros([2, 8, 8, 4]))
    np.testing.assert_array_equal(masks, np.ones([1, 8, 8, 1]))


@pytest.mark.parametrize("layer_class", [PartialConv2D, PartialUpConv2D])
def test_one_mask_for_all_examples(layer_class):
    layer = filled(layer_class(4))
    features, masks = noise(2, 6, 8, 3), random_masks(1, 6, 8)
    one, one_mask = layer(features, masks)
    each, each_mask = layer(features, np.repeat(masks, 2, axis=0))
    np.testing.assert_array_equal(one, each)
    np.testing.assert_array_equal(np.repeat(one_mask, 2, axis=0), each_mask)


@pytest.mark.parametrize("masked", [False, True])
def test_upsampling_repeats_features_and_masks(masked):
    """Every pixel and every entry of the mask twice in both directions, then the layer."""
    features, masks = noise(2, 6, 8, 3), random_masks(2, 6, 8)
    upsampled = [a.repeat(2, axis=1).repeat(2, axis=2) for a in (features, masks)]
    if not masked:
        masks = upsampled[1] = None
    expected = filled(PartialConv2D(4))(*upsampled)
    actual = filled(PartialUpConv2D(4))(features, masks)
    for one, two in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_bad_arguments_of_partial_convolutions_are_refused():
    with pytest.raises(ValueError, match="filters must be a positive integer, got -1"):
        PartialConv2D(-1)
