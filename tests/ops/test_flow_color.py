import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from tests.reference_cases import arrays, case, cases

ONE_LEVEL = 1.001


def test_the_color_wheel_is_the_recorded_one():
    np.testing.assert_array_equal(ops.color_wheel(), arrays("attention.npz")["colour_wheel"])


@pytest.mark.parametrize("key", ["a", "b", "zero"])
def test_colours_of_offsets_as_released(key):
    r = case("attention.npz", f"flow_colour/{key}")
    levels = (ops.offsets_to_color(r["offsets"]).numpy() + 1) * 127.5
    assert np.abs(levels - r["rgb"]).max() <= ONE_LEVEL


@pytest.mark.parametrize("key", [k for k in cases("attention.npz") if "v1" not in str(k)])
def test_flow_images_of_the_second_paper_as_released(key):
    """Enlarged to the features' size with bilinear interpolation."""
    r = case("attention.npz", key)
    flow = ops.resize_bilinear(ops.offsets_to_color(r["offsets"]), *r["f"].shape[1:3])
    assert np.abs(flow - r["flow"]).max() * 127.5 <= ONE_LEVEL


def test_flow_image_of_the_first_paper_as_released():
    """Enlarged with nearest neighbour."""
    r = case("attention.npz", "r2_v1_batch3_self_hole")
    flow = ops.resize_nearest(ops.offsets_to_color(r["offsets"]), *r["f"].shape[1:3])
    assert np.abs(flow - r["flow"]).max() * 127.5 <= ONE_LEVEL


def test_an_offset_of_zero_is_white():
    np.testing.assert_array_equal(ops.offsets_to_color(tf.zeros([1, 2, 3, 2], tf.int32)), 1)


def test_the_longest_offset_so_far_has_full_colour():
    offsets = tf.constant([3, -6, 2, 6])[:, None, None, None] * tf.constant([0, 1])
    whiteness = tf.reduce_min(ops.offsets_to_color(offsets), axis=-1)[:, 0, 0]
    # The smallest channel falls from 1 at the centre to -1 at the rim.
    np.testing.assert_allclose(whiteness, [-1, -1, 1 - 2 / 3, -1], atol=ONE_LEVEL / 127.5)
