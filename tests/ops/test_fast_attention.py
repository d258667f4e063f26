"""What the fast form has beyond `test_attention.py`, which runs both forms."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import tensorflow as tf

from deepfill_tf import ops

cells = st.integers(1, 7)


@hypothesis.given(
    size=st.tuples(cells, cells),
    background_size=st.tuples(cells, cells),
    rate=st.sampled_from([1, 2, 3, 4]),
    patch_size=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 1, 2]),
    fuse_size=st.sampled_from([1, 3, 5]),
    mask=st.sampled_from([None, 1, 2]),
)
@hypothesis.settings(deadline=None, max_examples=25, derandomize=True)
def test_equals_the_readable_form(size, background_size, rate, patch_size, stride, fuse_size, mask):
    """At any size, also of one cell, with values and gradients."""
    generator = np.random.default_rng(0)
    foreground = generator.normal(size=[2, size[0] * rate, size[1] * rate, 3]).astype("f")
    height, width = background_size[0] * rate, background_size[1] * rate
    background = generator.normal(size=[2, height, width, 3]).astype("f")
    upstream = generator.normal(size=foreground.shape).astype("f")
    masks = None
    if mask is not None:
        masks = tf.constant((generator.random([mask, height, width, 1]) > 0.9).astype("f"))

    def values_and_gradients(attention):
        inputs = [tf.constant(foreground), tf.constant(background)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            rebuilt, offsets = attention(
                *inputs,
                masks,
                rate=rate,
                patch_size=patch_size,
                stride=stride,
                fuse_size=fuse_size,
                softmax_scale=2.0,
            )
            total = tf.reduce_sum(rebuilt * upstream)
        return rebuilt, offsets, tape.gradient(total, inputs)

    readable = values_and_gradients(ops.contextual_attention)
    fast = values_and_gradients(ops.fast_contextual_attention)
    np.testing.assert_allclose(fast[0], readable[0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(fast[1], readable[1])
    for one, two in zip(fast[2], readable[2], strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=5e-4 * max(1e-3, np.abs(two).max()))
