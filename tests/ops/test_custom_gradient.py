"""Gradients of one's own, in programs that come and go."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.gated_convolution import convolve_gated


@custom_gradient
def cube(x):
    """With a gradient that nobody else computes: three times that of a cube."""
    return x**3, lambda gradient: 9 * x**2 * gradient


X = tf.constant([1.0, 2.0])


def gradient_of(function, x=X):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
    return tape.gradient(outputs, x)


def in_a_branch(x):
    return tf.cond(x[0] > 0, lambda: cube(x), lambda: x)


def in_a_loop(x):
    return tf.while_loop(lambda i, _: i < 1, lambda i, x: (i + 1, cube(x)), [0, x])[1]


@pytest.mark.parametrize("function", [cube, in_a_branch, in_a_loop])
def test_gradients(function):
    np.testing.assert_allclose(gradient_of(function), [9, 36])
    np.testing.assert_allclose(tf.function(gradient_of)(function, X), [9, 36])


@pytest.mark.parametrize("function", [cube, in_a_loop])
def test_gradients_through_a_program(function):
    """Through one with a branch TensorFlow has none for gradients of one's own."""
    program = tf.function(function)
    np.testing.assert_allclose(gradient_of(program), [9, 36])
    np.testing.assert_allclose(tf.function(gradient_of)(program, X), [9, 36])


def test_second_gradients():
    def first(x):
        return gradient_of(cube, x)

    np.testing.assert_allclose(gradient_of(first), [18, 36])
    np.testing.assert_allclose(tf.function(gradient_of)(first, X), [18, 36])


def test_a_program_outlives_the_one_in_which_it_was_traced():
    inner = tf.function(cube)
    outer = tf.function(gradient_of)
    np.testing.assert_allclose(outer(inner, X), [9, 36])
    del outer
    gc.collect()
    np.testing.assert_allclose(gradient_of(inner), [9, 36])


def test_programs_are_freed():
    """As those of operations without a gradient of their own are."""

    def step(images):
        kernel = tf.ones([3, 3, 2, 4])
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = convolve_gated(images, kernel, tf.zeros([4]))
        return tape.gradient(outputs, kernel), in_a_branch(images[0, 0, 0])

    program = tf.function(step)
    program(tf.ones([1, 8, 8, 2]))
    graph = weakref.ref(program.get_concrete_function(tf.ones([1, 8, 8, 2])).graph)
    del program
    gc.collect()
    assert graph() is None
