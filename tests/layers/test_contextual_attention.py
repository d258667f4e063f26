import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import ContextualAttention
from tests.reference_cases import case


def test_default_arguments_are_those_of_the_papers():
    r = case("attention.npz", "r2_fuse_self_hole")
    masks = tf.constant(r["mask"], tf.float32)
    reconstructed, offsets = ContextualAttention()(tf.constant(r["f"]), None, masks)
    np.testing.assert_allclose(reconstructed, r["y"], rtol=0, atol=1e-5)
    clear = r["offset_margin"] > 1e-3
    np.testing.assert_array_equal(offsets.numpy()[clear], r["offsets"][clear])


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("r1_nofuse_hole", {"rate": 1, "fuse_size": 1}),
        ("r2_k5", {"patch_size": 5}),
        ("r2_scale50", {"softmax_scale": 50.0}),
        ("r2_fuse5", {"fuse_size": 5}),
    ],
)
def test_every_argument_reaches_the_operation(key, arguments):
    r = case("attention.npz", key)
    inputs = tf.constant(r["f"]), tf.constant(r["b"]), tf.constant(r["mask"], tf.float32)
    reconstructed, _ = ContextualAttention(**arguments)(*inputs)
    np.testing.assert_allclose(reconstructed, r["y"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["patch_size", "stride", "rate", "fuse_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None])
def test_bad_sizes_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got {value}"):
        ContextualAttention(**{name: value})


def test_unknown_implementations_are_refused():
    with pytest.raises(ValueError, match=r"implementation must be one of .* got 'magic'"):
        ContextualAttention(implementation="magic")
