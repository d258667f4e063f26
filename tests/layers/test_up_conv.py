import pytest

from deepfill_tf.layers import GatedUpConv2D, PlainUpConv2D
from tests.layers.parity import assert_as_released
from tests.reference_cases import cases, description


@pytest.mark.parametrize("key", cases("layers.npz", "v1/gen_deconv/"))
def test_plain_upsampling_convolution_as_released(key):
    padding = description("layers.npz", key)["padding"].lower()
    assert_as_released(PlainUpConv2D(8, padding=padding), key)


@pytest.mark.parametrize("key", cases("layers.npz", "v2/gen_deconv/"))
def test_gated_upsampling_convolution_as_released(key):
    padding = description("layers.npz", key)["padding"].lower()
    assert_as_released(GatedUpConv2D(4, padding=padding), key)
