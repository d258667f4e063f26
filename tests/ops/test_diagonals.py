"""Sums along diagonals of a matrix in a flat array, against loops over the matrix."""

from contextlib import nullcontext

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops.control_flow import without_branches
from deepfill_tf.ops.diagonals import ALIGNMENT, diagonal_sum, pitch_of


def test_the_figure_of_the_module_docstring():
    """Rows of 3 with a pitch of 4: no sum at the end of a row meets the next row."""
    a, b, c, d, e, f, g, h, i = (2**n for n in range(9))
    flat = tf.constant([[a, b, c, 0, d, e, f, 0, g, h, i, 0]])
    sums = diagonal_sum(flat, step=5, count=2, length=7)
    assert sums.numpy().tolist() == [[a + e, b + f, c, g, d + h, e + i, f]]


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("branches", [nullcontext, without_branches])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("count", [2, 3])
def test_diagonal_sum_and_its_gradient_equal_loops(count, batch, known, branches, jit_compile):
    generator = np.random.default_rng(0)
    flat, upstream = generator.normal(size=[batch, 30]), generator.normal(size=[batch, 9])
    step = 7
    expected, gradient = np.zeros_like(upstream), np.zeros_like(flat)
    for i in range(9):
        for n in range(count):
            expected[:, i] += flat[:, i + n * step]
            gradient[:, i + n * step] += upstream[:, i]

    signature = [tf.TensorSpec([batch if known else None, 30], tf.float64)]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def sums_and_gradient(flat):
        with tf.GradientTape() as tape:
            tape.watch(flat)
            sums = diagonal_sum(flat, step, count, 9)
        return sums, tape.gradient(sums, flat, tf.constant(upstream))

    with branches():
        computed = sums_and_gradient(flat)
    np.testing.assert_allclose(computed[0], expected, rtol=1e-12)
    np.testing.assert_allclose(computed[1], gradient)


@pytest.mark.parametrize("least", range(1, 40))
def test_a_pitch_is_the_smallest_with_aligned_diagonals(least):
    pitch = pitch_of(least)
    assert least <= pitch < least + ALIGNMENT
    assert (pitch + 1) % ALIGNMENT == 0
