"""Settings that change during training, as functions of the step."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear:
    """A number that goes in straight lines from value to value.

    It is `values[i]` at step `steps[i]`, the first value before the first of the steps, and the
    last one after the last. A learning rate with warm-up and decay, for 10,000 steps:

        Trainer.learning_rate = @learning_rate/PiecewiseLinear()
        learning_rate/PiecewiseLinear.steps = [0, 500, 5000, 10000]
        learning_rate/PiecewiseLinear.values = [0.0, 5e-4, 5e-4, 1e-5]

    Attributes:
      steps: increasing numbers of finished training steps, at least one, >= 0.
      values: as many numbers, >= 0.

    Example:
      >>> schedule = PiecewiseLinear(steps=[0, 10], values=[1.0, 2.0])
      >>> [float(schedule(step)) for step in (0, 5, 20)]
      [1.0, 1.5, 2.0]
    """

    steps: Sequence[int]
    values: Sequence[float]

    def __post_init__(self):
        for name in ("steps", "values"):
            listed = getattr(self, name)
            if not isinstance(listed, list | tuple) or not listed:
                raise ValueError(
                    f"PiecewiseLinear.{name} must be a list of numbers, got {listed!r}"
                )
            for number in listed:
                check_at_least(f"PiecewiseLinear.{name}", number)
        if len(self.steps) != len(self.values):
            raise ValueError(
                f"PiecewiseLinear.steps and PiecewiseLinear.values must have the same length, got "
                f"{len(self.steps)} and {len(self.values)}"
            )
        if any(one >= two for one, two in itertools.pairwise(self.steps)):
            raise ValueError(f"PiecewiseLinear.steps must increase, got {self.steps!r}")

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The value at a step, float32 of the step's shape."""
        step = tf.cast(step, tf.float32)
        value = tf.fill(tf.shape(step), float(self.values[0]))
        points = list(zip(self.steps, self.values, strict=True))
        for (begin, low), (end, high) in itertools.pairwise(points):
            fraction = tf.clip_by_value((step - begin) / (end - begin), 0.0, 1.0)
            value += (high - low) * fraction
        return value


# A number, or one that changes with the step.
Scheduled = float | PiecewiseLinear


def value_at(number: Scheduled, step: tf.Tensor | int) -> tf.Tensor | float:
    """The number at a step: itself if it does not change."""
    return number(step) if isinstance(number, PiecewiseLinear) else number


def check_scheduled(check: Callable, name: str, number: Scheduled, *limits) -> None:
    """Applies a check of `checks` to a number, or to each value that it goes through."""
    for value in number.values if isinstance(number, PiecewiseLinear) else [number]:
        check(name, value, *limits)
