import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import NoAttention


@pytest.mark.parametrize(("rate", "size"), [(1, (6, 9)), (2, (3, 4)), (4, (1, 2))])
def test_no_attention_returns_the_foreground_and_offsets_of_zero(rate, size):
    foreground = tf.random.stateless_normal([2, 6, 9, 4], [0, 1], alg="philox")
    features, offsets = NoAttention(rate)(foreground, foreground + 1, tf.ones([1, 6, 9, 1]))
    np.testing.assert_array_equal(features, foreground)
    assert offsets.dtype == tf.int32
    np.testing.assert_array_equal(offsets, np.zeros([2, *size, 2]))


@pytest.mark.parametrize("rate", [0, -1, 1.5, None])
def test_bad_rates_are_refused(rate):
    with pytest.raises(ValueError, match=f"rate must be a positive integer, got {rate}"):
        NoAttention(rate)
