import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.layers import SpatialTransformer

SHAPE = [2, 9, 13, 4]


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype("f"))


def holes(count=2):
    masks = np.zeros([count, *SHAPE[1:3], 1], "f")
    masks[:, 2:5, 3:8] = 1
    return tf.constant(masks)


def transformed(background, affine, **arguments):
    layer = SpatialTransformer(filters=8, **arguments)
    layer(background)
    layer.affine_bias.assign(affine)
    return layer(noise(*background.shape, seed=2), background)


@pytest.mark.parametrize("masks", [None, holes(1), holes(2)])
def test_spatial_transformer_is_the_identity_at_first(masks):
    foreground, background = noise(*SHAPE), noise(*SHAPE, seed=1)
    features, offsets = SpatialTransformer(filters=8)(foreground, background, masks)
    np.testing.assert_allclose(features, background, rtol=0, atol=1e-5)
    assert offsets.dtype == tf.int32
    np.testing.assert_array_equal(offsets, np.zeros([2, 4, 6, 2]))


def test_without_a_background_the_foreground_is_its_own():
    foreground = noise(*SHAPE)
    features, _ = SpatialTransformer(filters=8)(foreground)
    np.testing.assert_allclose(features, foreground, rtol=0, atol=1e-5)


def test_affine_map_of_a_translation():
    """By 2 rows of 8 halves of the height, and -3 columns; the border continues."""
    background = noise(*SHAPE)
    affine = [1, 0, -3 / 6, 0, 1, 2 / 4]
    features, offsets = transformed(background, affine, rate=1)
    rows = np.minimum(np.arange(9) + 2, 8)
    columns = np.maximum(np.arange(13) - 3, 0)
    expected = background.numpy()[:, rows][:, :, columns]
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(offsets[0, :, 0, 0], rows - np.arange(9))
    np.testing.assert_array_equal(offsets[0, 0, :, 1], columns - np.arange(13))


def test_affine_maps_that_mirror_and_transpose():
    background = noise(2, 9, 9, 4)
    mirrored, _ = transformed(background, [-1, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(mirrored, background[:, :, ::-1], rtol=0, atol=1e-5)
    transposed, _ = transformed(background, [0, 1, 0, 1, 0, 0])
    np.testing.assert_allclose(
        transposed, tf.transpose(background, [0, 2, 1, 3]), rtol=0, atol=1e-5
    )


def test_the_affine_map_depends_on_the_mask():
    foreground = noise(*SHAPE)
    layer = SpatialTransformer(filters=8)
    layer(foreground)
    layer.affine_kernel.assign(noise(8, 6))
    with_hole, without = (layer.affine_map(foreground, m) for m in (holes(), None))
    assert np.abs(with_hole - without).max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1)])
def test_spatial_transformer_of_images_one_pixel_wide(size):
    background = noise(2, *size, 4)
    features, _ = transformed(background, [1, 0, 0, 0, 1, 0], rate=1)
    np.testing.assert_allclose(features, background, rtol=0, atol=1e-5)


def test_names_of_the_variables_of_spatial_transformer():
    image = keras.Input([None, None, 4])
    layer = SpatialTransformer(filters=8, name="attention")
    layer(image)
    assert list(named_variables(layer.weights)) == [
        "affine_bias",
        "affine_kernel",
        "conv1/bias",
        "conv1/kernel",
        "conv2/bias",
        "conv2/kernel",
    ]


@pytest.mark.parametrize("name", ["rate", "filters"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None])
def test_bad_arguments_of_spatial_transformer_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got {value}"):
        SpatialTransformer(**{name: value})
