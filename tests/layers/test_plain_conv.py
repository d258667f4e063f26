import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import PlainConv2D
from tests.layers.parity import arguments_of, assert_as_released
from tests.reference_cases import case, cases, description


@pytest.mark.parametrize("key", cases("layers.npz", "v1/gen_conv/"))
def test_generator_convolution_as_released(key):
    filters = case("layers.npz", key)["bias"].size
    assert_as_released(PlainConv2D(filters, **arguments_of(key)), key)


@pytest.mark.parametrize("key", cases("layers.npz", "v1/dis_conv/"))
def test_discriminator_convolution_as_released(key):
    layer = PlainConv2D(7, kernel_size=5, strides=2, activation="leaky_relu")
    assert_as_released(layer, key)


def test_reflection_padding_as_the_original_meant_it():
    layer = PlainConv2D(8, dilation_rate=2, padding="reflect")
    assert_as_released(layer, "v1/mended_reflect/k3_r2_elu_c8")


@pytest.mark.parametrize("key", cases("layers.npz", "v1/gen_conv/", errors=True))
def test_paddings_that_the_original_refuses(key):
    """Reflection, under its right name, is here what was meant; other names are refused."""
    words = description("layers.npz", key)
    if words["padding"] == "REFLECT":
        assert PlainConv2D(8, **arguments_of(key))(tf.zeros([1, 9, 12, 5])).shape == [1, 9, 12, 8]
    else:
        with pytest.raises(ValueError, match="refelect"):
            PlainConv2D(8, **arguments_of(key))


def test_kernels_start_glorot_uniform_and_biases_at_zero():
    layer = PlainConv2D(64, kernel_size=5)
    layer.build([None, None, None, 32])
    limit = np.sqrt(6 / (25 * 32 + 25 * 64))
    kernel = np.asarray(layer.kernel)
    assert np.abs(kernel).max() <= np.float32(limit)
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    np.testing.assert_array_equal(layer.bias, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a positive integer, got 0"),
        ({"filters": 2.5}, "filters must be a positive integer, got 2.5"),
        ({"kernel_size": -3}, "kernel_size must be a positive integer, got -3"),
        ({"kernel_size": (3, 5)}, r"kernel_size must be the same in both directions, got \(3, 5\)"),
        ({"strides": 0}, "strides must be a positive integer, got 0"),
        ({"dilation_rate": 0}, "dilation_rate must be a positive integer, got 0"),
        ({"strides": 2, "dilation_rate": 2}, "only one of strides=2 and dilation_rate=2"),
        ({"padding": "SAME"}, "padding must be one of .* got 'SAME'"),
        ({"activation": "swush"}, "activation must be None, one of .* got 'swush'"),
    ],
)
def test_bad_arguments_of_convolutions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PlainConv2D(**{"filters": 4, **arguments})


def test_the_gain_multiplies_the_whole_initial_kernel():
    kernels = []
    for gain in (1, 3):
        tf.keras.utils.set_random_seed(1)
        layer = PlainConv2D(4, kernel_gain=gain)
        layer.build([None, None, None, 3])
        kernels.append(layer.kernel.numpy())
    np.testing.assert_allclose(kernels[1], 3 * kernels[0], rtol=1e-6)
