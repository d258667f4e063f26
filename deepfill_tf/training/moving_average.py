"""Exponential moving average of the generator's weights."""

import tensorflow as tf

from deepfill_tf.checks import check_in_range
from deepfill_tf.compat import VariableBundle


class ExponentialMovingAverage(VariableBundle):
    """Averages of variables: `average += (1 - decay) * (variable - average)` after every update.

    Created inside a strategy's scope, updated in replica context.

    Args:
      variables: name -> variable to average.
      decay: in (0, 1).
    """

    def __init__(self, variables: dict[str, tf.Variable], decay: float):
        check_in_range("decay", decay, 0, 1, low_open=True)
        super().__init__(
            {
                name: tf.Variable(tf.convert_to_tensor(v), trainable=False)
                for name, v in variables.items()
            }
        )
        self._variables = variables
        self._decay = decay

    def update(self) -> None:
        """Moves each average towards the present value of its variable."""
        fraction = tf.constant(1 - self._decay)
        for name, variable in self._variables.items():
            average = self.named[name]
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.handle, alpha=fraction, delta=average - variable
            )

    def restart(self) -> None:
        """Sets each average to the present value of its variable."""
        for name, variable in self._variables.items():
            self.named[name].assign(variable)
