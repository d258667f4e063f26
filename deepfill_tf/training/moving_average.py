"""A slowly moving copy of the generator's weights, often better than the weights."""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle


class ExponentialMovingAverage(VariableBundle):
    """`average += (1 - decay) * (variable - average)` after every update.

    Made inside a strategy's scope, updated in replica context.
    """

    def __init__(self, variables: dict[str, tf.Variable], decay: float):
        if not 0 < decay < 1:
            raise ValueError(f"the decay of the moving average must be in (0, 1), got {decay}")
        super().__init__(
            {
                name: tf.Variable(tf.convert_to_tensor(v), trainable=False)
                for name, v in variables.items()
            }
        )
        self._variables = variables
        self._decay = decay

    def update(self) -> None:
        for name, variable in self._variables.items():
            average = self.named[name]
            average.assign_add((1 - self._decay) * (variable - average))

    def restart(self) -> None:
        """Forgets what it saw: the average is the variables as they are now."""
        for name, variable in self._variables.items():
            self.named[name].assign(variable)
