"""Adam as in the released programs."""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle
from deepfill_tf.schedules import Scheduled, value_at


class Adam(tf.Module):
    """Adam with epsilon outside the root, and a step count that two networks may share.

        w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    Created and called inside a strategy's scope, and applied in replica context with gradients
    that are already summed over all replicas. Keras's optimizer has a step count of its own, so
    that two networks could not share t as released.

    Args:
      variables: name -> variable to train.
      step: t, a scalar int64 variable: the number of updates so far. Every `apply` adds 1.
      learning_rate: as in the formula; may change with the training step.
      beta_1, beta_2, epsilon: as in the formula.
    """

    def __init__(
        self,
        variables: dict[str, tf.Variable],
        *,
        step: tf.Variable,
        learning_rate: Scheduled,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ):
        super().__init__()
        self.variables_by_name = variables
        self.step = step
        self.first_moments = VariableBundle(_zeros_like(variables))
        self.second_moments = VariableBundle(_zeros_like(variables))
        self._learning_rate = learning_rate
        self._beta_1, self._beta_2, self._epsilon = beta_1, beta_2, epsilon

    def apply(self, gradients: dict[str, tf.Tensor], training_step: tf.Tensor | int = 0) -> None:
        """Updates every variable; the keys of `gradients` are the variables' names.

        `training_step` is the number of finished training steps, which the learning rate may
        depend on.
        """
        learning_rate = value_at(self._learning_rate, training_step)
        self.step.assign_add(1)
        step = tf.cast(self.step, tf.float32)
        scalars = {
            "beta1_power": tf.pow(self._beta_1, step),
            "beta2_power": tf.pow(self._beta_2, step),
            "lr": tf.convert_to_tensor(learning_rate),
            "beta1": tf.constant(self._beta_1),
            "beta2": tf.constant(self._beta_2),
            "epsilon": tf.constant(self._epsilon),
        }
        for name, variable in self.variables_by_name.items():
            # One pass over memory instead of ten.
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self.first_moments.named[name].handle,
                v=self.second_moments.named[name].handle,
                grad=gradients[name],
                **scalars,
            )


def _zeros_like(variables: dict[str, tf.Variable]) -> dict[str, tf.Variable]:
    return {
        name: tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False)
        for name, v in variables.items()
    }
