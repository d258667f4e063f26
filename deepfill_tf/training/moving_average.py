"""Exponential moving average of the generator's weights."""

from functools import partial

import tensorflow as tf

from deepfill_tf.checks import check_in_range
from deepfill_tf.compat import VariableBundle
from deepfill_tf.schedules import Scheduled, check_scheduled, value_at


class ExponentialMovingAverage(VariableBundle):
    """Averages of variables: `average += (1 - decay) * (variable - average)` after every update.

    Created inside a strategy's scope, updated in replica context.

    Args:
      variables: name -> variable to average.
      decay: in (0, 1); may change with the training step.
    """

    def __init__(self, variables: dict[str, tf.Variable], decay: Scheduled):
        check_scheduled(partial(check_in_range, low_open=True), "decay", decay, 0, 1)
        super().__init__(
            {
                name: tf.Variable(tf.convert_to_tensor(v), trainable=False)
                for name, v in variables.items()
            }
        )
        self._variables = variables
        self._decay = decay

    def update(self, training_step: tf.Tensor | int = 0) -> None:
        """Moves each average towards the present value of its variable.

        `training_step` is the number of finished training steps, which the decay may depend on.
        """
        decay = value_at(self._decay, training_step)
        fraction = tf.convert_to_tensor(1 - decay)
        for name, variable in self._variables.items():
            average = self.named[name]
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.handle, alpha=fraction, delta=average - variable
            )

    def restart(self) -> None:
        """Sets each average to the present value of its variable."""
        for name, variable in self._variables.items():
            self.named[name].assign(variable)
