import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import GatedConv2D, PlainConv2D
from tests.layers.parity import arguments_of, assert_as_released
from tests.reference_cases import case, cases


@pytest.mark.parametrize(
    "key", [k for k in cases("layers.npz", "v2/gen_conv/") if "elu_c3" not in str(k)]
)
def test_gated_convolution_as_released(key):
    """The released program counts the convolution's channels; `filters` those that come out."""
    filters = case("layers.npz", key)["y"].shape[-1]
    assert_as_released(GatedConv2D(filters, **arguments_of(key)), key)


def test_three_channels_are_never_gated_in_the_released_program():
    """There three channels mean "the image", whatever the activation: here a plain layer."""
    layer = PlainConv2D(3, activation=None)
    assert_as_released(layer, "v2/gen_conv/k3_s1_r1_SAME_elu_c3_9x12")


def test_reflection_padding_as_the_original_meant_it():
    layer = GatedConv2D(4, dilation_rate=2, padding="reflect")
    assert_as_released(layer, "v2/mended_reflect/k3_r2_elu_c8")


@pytest.mark.parametrize("activation", ["elu", "relu", "leaky_relu", "tanh", "clip"])
def test_features_come_first_and_gates_second(activation):
    """Closed gates give 0; open gates give the activation, which a plain layer has too."""
    gated, plain = GatedConv2D(2, activation=activation), PlainConv2D(2, activation=activation)
    images = tf.constant(np.random.default_rng(0).normal(size=[1, 6, 6, 3]).astype("f"))
    gated.build(images.shape)
    plain(images)
    kernel = np.concatenate([plain.kernel, np.zeros([3, 3, 3, 2])], axis=-1)
    gated.kernel.assign(kernel)
    gated.bias.assign([0, 0, 50, 50])
    np.testing.assert_allclose(gated(images), plain(images), rtol=0, atol=1e-6)
    gated.bias.assign([0, 0, -50, -50])
    np.testing.assert_allclose(gated(images), np.zeros([1, 6, 6, 2]), atol=1e-6)


def test_without_activation_there_is_no_gate():
    layer = GatedConv2D(5, activation=None)
    layer.build([None, None, None, 3])
    assert tuple(layer.kernel.shape) == (3, 3, 3, 5)


def test_bad_arguments_of_gated_convolutions_are_refused():
    with pytest.raises(ValueError, match="filters must be a positive integer, got -1"):
        GatedConv2D(-1)


def test_the_gain_multiplies_initial_kernels_of_features_and_not_of_gates():
    def kernel(**arguments):
        tf.keras.utils.set_random_seed(1)
        layer = GatedConv2D(8, **arguments)
        layer.build([None, None, None, 3])
        return layer.kernel.numpy()

    once, thrice = kernel(), kernel(kernel_gain=3)
    np.testing.assert_allclose(thrice[..., :8], 3 * once[..., :8], rtol=1e-6)
    np.testing.assert_array_equal(thrice[..., 8:], once[..., 8:])
    # Glorot and Bengio 2010, equation 16.
    np.testing.assert_allclose(np.abs(once).max(), (6 / (9 * (3 + 16))) ** 0.5, rtol=0.02)
    with pytest.raises(ValueError, match="kernel_gain must be > 0, got 0"):
        GatedConv2D(8, kernel_gain=0)
