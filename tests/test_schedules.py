"""Numbers that change with the training step."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.checks import check_in_range
from deepfill_tf.schedules import PiecewiseLinear, check_scheduled, value_at

STEPS, VALUES = [10, 20, 1000, 40_000], [0.0, 5e-4, 5e-4, 1e-6]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_between_the_steps_values_are_interpolated_as_numpy_does(jit_compile):
    schedule = PiecewiseLinear(steps=STEPS, values=VALUES)
    step = np.array([0, 10, 13, 20, 21, 999, 1000, 1001, 25_000, 40_000, 10**9])
    compiled = tf.function(lambda s: value_at(schedule, s), jit_compile=jit_compile)
    values = compiled(tf.constant(step, tf.int64))
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, np.interp(step, STEPS, VALUES), rtol=1e-5, atol=1e-10)


def test_one_value_and_plain_numbers_are_constant():
    assert float(value_at(PiecewiseLinear(steps=[5], values=[0.25]), 3)) == 0.25
    assert value_at(0.1, tf.constant(3)) == 0.1


@pytest.mark.parametrize(
    ("steps", "values", "message"),
    [
        ([], [], r"steps must be a list of numbers, got \[\]"),
        ([0, 5], [1.0], "same length, got 2 and 1"),
        ([0, 5, 5], [1.0, 2.0, 3.0], r"steps must increase, got \[0, 5, 5\]"),
        ([0], [-1.0], "values must be >= 0, got -1.0"),
        (["a"], [1.0], "steps must be a number >= 0, got 'a'"),
        (7, [1.0], "steps must be a list of numbers, got 7"),
    ],
)
def test_bad_schedules_are_refused(steps, values, message):
    with pytest.raises(ValueError, match=f"PiecewiseLinear.*{message}"):
        PiecewiseLinear(steps=steps, values=values)


def test_each_value_of_a_schedule_is_checked():
    decay = PiecewiseLinear(steps=[0, 5], values=[0.9, 1.5])
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got 1.5"):
        check_scheduled(check_in_range, "decay", decay, 0, 1)
    check_scheduled(check_in_range, "decay", 0.5, 0, 1)
