"""Tests of the fast implementation alone; `test_attention.py` runs both implementations."""

import functools
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from deepfill_tf.ops import attention_blocks, fast_attention

side_lengths = st.integers(1, 7)


@hypothesis.given(
    size=st.tuples(side_lengths, side_lengths),
    background_size=st.tuples(side_lengths, side_lengths),
    rate=st.sampled_from([1, 2, 3, 4]),
    patch_size=st.sampled_from([3, 3, 3, 5]),
    stride=st.sampled_from([1, 1, 2]),
    fuse_size=st.sampled_from([1, 3, 5]),
    mask=st.sampled_from([None, 1, 2]),
    block_scores=st.sampled_from([1, 200, 10**9]),
    least_scores=st.sampled_from([1, 10**9]),
)
@hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
def test_fast_attention_equals_the_reference_implementation(
    size, background_size, rate, patch_size, stride, fuse_size, mask, block_scores, least_scores
):
    """Values and gradients, at any size, also of one position, in one block and in many.

    Both images of the batch are computed at once, or one after the other.
    """
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
            reconstructed, offsets = attention(
                *inputs,
                masks,
                rate=rate,
                patch_size=patch_size,
                stride=stride,
                fuse_size=fuse_size,
                softmax_scale=2.0,
            )
            total = tf.reduce_sum(reconstructed * upstream)
        return reconstructed, offsets, tape.gradient(total, inputs)

    reference = values_and_gradients(ops.contextual_attention)
    with mock.patch.object(fast_attention, "_LEAST_SCORES_OF_ONE_IMAGE", least_scores):
        fast = values_and_gradients(
            functools.partial(ops.fast_contextual_attention, block_scores=block_scores)
        )
    np.testing.assert_allclose(fast[0], reference[0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(fast[1], reference[1])
    for one, two in zip(fast[2], reference[2], strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=5e-4 * max(1e-3, np.abs(two).max()))


spans = st.tuples(st.integers(0, 30), st.integers(1, 30))


@hypothesis.given(
    size=st.tuples(side_lengths, side_lengths),
    rate=st.sampled_from([1, 2, 4]),
    fuse_size=st.sampled_from([1, 3]),
    rows=spans,
    columns=spans,
    masked=st.booleans(),
    block_scores=st.sampled_from([1, 10**9]),
)
@hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
def test_attention_on_a_region_equals_that_part_of_the_whole(
    size, rate, fuse_size, rows, columns, masked, block_scores
):
    """Anywhere, also at the border, where neighbours wrap around to the opposite side."""
    generator = np.random.default_rng(0)
    height, width = size[0] * rate, size[1] * rate
    features = tf.constant(generator.normal(size=[1, height, width, 3]).astype("f"))
    masks = tf.constant((generator.random([1, height, width, 1]) > 0.9).astype("f"))
    arguments = {"rate": rate, "fuse_size": fuse_size, "softmax_scale": 2.0}
    masks = masks if masked else None
    (top, bottom), (left, right) = (
        (begin % side, min(side, begin % side + length))
        for side, (begin, length) in ((height, rows), (width, columns))
    )
    whole, _ = ops.contextual_attention(features, features, masks, **arguments)
    part = ops.contextual_attention_region(
        features,
        features,
        masks,
        ops.Region(tf.constant([top, left]), tf.constant([bottom, right])),
        block_scores=block_scores,
        **arguments,
    )
    np.testing.assert_allclose(part, whole[:, top:bottom, left:right], rtol=0, atol=1e-5)


@pytest.mark.parametrize("least_scores", [1, 10**9])
@pytest.mark.parametrize("block_scores", [1, 6000, 10**9])
def test_fast_attention_with_sizes_unknown_when_traced_and_under_xla(
    block_scores, least_scores, monkeypatch
):
    """With a known batch, its images are computed at once, or one after the other."""
    generator = np.random.default_rng(0)
    features = tf.constant(generator.normal(size=[2, 12, 20, 3]).astype("f"))
    masks = tf.constant((generator.random([2, 12, 20, 1]) > 0.9).astype("f"))

    def attention(features, masks):
        with tf.GradientTape() as tape:
            tape.watch(features)
            reconstructed, offsets = ops.fast_contextual_attention(
                features, features, masks, softmax_scale=2.0, block_scores=block_scores
            )
            total = tf.reduce_sum(reconstructed**2)
        return reconstructed, offsets, tape.gradient(total, features)

    free = [tf.TensorSpec([None, None, None, n]) for n in (3, 1)]
    any_batch = [tf.TensorSpec([None, *features.shape[1:3], n]) for n in (3, 1)]
    expected = attention(features, masks)
    monkeypatch.setattr(fast_attention, "_LEAST_SCORES_OF_ONE_IMAGE", least_scores)

    # XLA differentiates it only if height and width are known.
    def without_gradient(features, masks):
        return ops.fast_contextual_attention(
            features, features, masks, softmax_scale=2.0, block_scores=block_scores
        )

    compiled = tf.function(without_gradient, input_signature=free, jit_compile=True)
    for one, two in zip(compiled(features, masks), expected[:2], strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-4)
    for function in (
        tf.function(attention, input_signature=free),
        tf.function(attention, input_signature=any_batch),
        tf.function(attention),
        tf.function(attention, jit_compile=True),
        tf.function(attention, input_signature=any_batch, jit_compile=True),
    ):
        for one, two in zip(function(features, masks), expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-4)


@pytest.mark.parametrize("side", [None, 4096])
def test_images_with_too_many_scores_for_an_array_are_refused(side):
    """Before any score is computed: a row of 4096 queries with 4096 x 4096 keys."""
    specification = tf.TensorSpec([1, side, side, 1])
    attention = tf.function(
        lambda features: ops.fast_contextual_attention(features, features, rate=1)[0],
        input_signature=[specification],
    )
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="image is too large"):
        attention(tf.zeros([1, 4096, 4096, 1]))


def test_regions_with_longer_diagonals_are_refused():
    features = tf.zeros([1, 8, 8, 2])
    region = ops.Region(tf.constant([0, 0]), tf.constant([4, 4]))
    with pytest.raises(ValueError, match="fuse_size must be one of .* got 5"):
        ops.contextual_attention_region(features, features, None, region, fuse_size=5)


@pytest.mark.parametrize("block_scores", [1, 10**9])
def test_one_background_or_mask_serves_a_batch(block_scores, monkeypatch):
    """Also where images are computed one at a time, and where the number of masks is not known."""
    generator = np.random.default_rng(0)
    foreground = tf.constant(generator.normal(size=[3, 8, 12, 2]).astype("f"))
    background = tf.constant(generator.normal(size=[3, 8, 12, 2]).astype("f"))
    masks = tf.constant((generator.random([1, 8, 12, 1]) > 0.9).astype("f"))

    def attention(foreground, background, masks):
        return ops.fast_contextual_attention(
            foreground, background, masks, block_scores=block_scores
        )[0]

    every_mask = tf.repeat(masks, 3, axis=0)
    expected = attention(foreground, background, every_mask)
    expected_of_one = attention(foreground, tf.repeat(background[:1], 3, axis=0), every_mask)
    monkeypatch.setattr(fast_attention, "_LEAST_SCORES_OF_ONE_IMAGE", 1)
    np.testing.assert_allclose(
        attention(foreground, background[:1], masks), expected_of_one, rtol=0, atol=1e-5
    )
    unknown = tf.TensorSpec([None, 8, 12, 1])
    for specification in (tf.TensorSpec(masks.shape), unknown):
        program = tf.function(
            attention,
            input_signature=[tf.TensorSpec(foreground.shape)] * 2 + [specification],
        )
        np.testing.assert_allclose(
            program(foreground, background, masks), expected, rtol=0, atol=1e-5
        )


@pytest.mark.parametrize(
    ("batch", "side", "on_cpu", "one_at_a_time"),
    [
        (4, 64, True, True),
        (4, 64, False, False),
        (4, 32, True, False),
        (None, 64, True, False),
    ],
)
def test_large_images_are_computed_one_at_a_time(batch, side, on_cpu, one_at_a_time, monkeypatch):
    monkeypatch.setattr(fast_attention, "runs_on_cpu", lambda: on_cpu)
    batches = []

    def attend(patch_scores, **_):
        batches.append(patch_scores.queries.shape[0])
        raise InterruptedError

    monkeypatch.setattr(fast_attention, "attend_in_blocks", attend)
    function = tf.function(
        lambda features: ops.fast_contextual_attention(features, features),
        input_signature=[tf.TensorSpec([batch, side, side, 2])],
        autograph=False,
    )
    with pytest.raises(InterruptedError):
        function.get_concrete_function()
    assert batches == [1 if one_at_a_time else batch]


@hypothesis.given(total=st.integers(0, 300), block_scores=st.integers(1, 300))
@hypothesis.settings(deadline=None)
def test_blocks_of_unknown_rows_repeat_few(total, block_scores):
    rows = int(attention_blocks.rows_per_block(tf.constant(total), [1, 1, 1], block_scores))
    assert 1 <= rows <= max(total, 1)
    count = -(-total // rows)
    assert total == 0 or count * rows - total < count
