"""The networks under training and all variables that training changes."""

from typing import Any

import tensorflow as tf

from deepfill_tf.compat import VariableBundle, keras, named_variables
from deepfill_tf.schedules import Scheduled
from deepfill_tf.training.adam import Adam
from deepfill_tf.training.moving_average import ExponentialMovingAverage


class TrainState(tf.Module):
    """Generator, discriminator, their optimizers, the step, and optionally a moving average.

    Created inside a strategy's scope from built networks.

    Args:
      generator, discriminator: built models.
      share_step: let both networks share one Adam step, as released: with one update each the
        discriminator sees t = 1, 3, 5, ... and the generator t = 2, 4, 6, ...
      ema_decay: decay of the moving average of the generator's weights; None for no average.
      adam: learning_rate, beta_1, beta_2 and epsilon of `Adam`.

    Attributes:
      step: scalar int64 variable, the number of finished training steps.
      generator_variables, discriminator_variables: all variables of each network.
      generator_optimizer, discriminator_optimizer: an `Adam` for each network.
      ema: the moving average, or None.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        share_step: bool,
        ema_decay: Scheduled | None,
        adam: dict[str, Any],
    ):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.step = _counter("step")
        self.generator_variables = VariableBundle(named_variables(generator.weights))
        self.discriminator_variables = VariableBundle(named_variables(discriminator.weights))
        adam_step = _counter("adam_step")
        self.discriminator_optimizer = Adam(
            named_variables(discriminator.trainable_variables), step=adam_step, **adam
        )
        trained = named_variables(generator.trainable_variables)
        own_step = adam_step if share_step else _counter("generator_adam_step")
        self.generator_optimizer = Adam(trained, step=own_step, **adam)
        self.ema = None if ema_decay is None else ExponentialMovingAverage(trained, ema_decay)

    def update_ema(self, training_step: tf.Tensor | int = 0) -> None:
        """Updates the moving average, if there is one, in replica context."""
        if self.ema is not None:
            self.ema.update(training_step)

    def moving_variables(self) -> list[tf.Variable]:
        """Variables that the forward pass changes: spectral norm's `u`."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        trained = {id(v) for each in optimizers for v in each.variables_by_name.values()}
        networks = (self.generator_variables, self.discriminator_variables)
        return [v for each in networks for v in each.named.values() if id(v) not in trained]

    def bundles(self) -> dict[str, VariableBundle]:
        """All variables but `step`, by part, as a checkpoint holds them.

        `storage.run_directory` reads the parts "generator" and "ema".
        """
        parts = {
            "generator": self.generator_variables,
            "discriminator": self.discriminator_variables,
            "discriminator_optimizer": _optimizer_variables(self.discriminator_optimizer),
            "generator_optimizer": _optimizer_variables(self.generator_optimizer),
        }
        if self.ema is not None:
            parts["ema"] = VariableBundle(self.ema.named)
        return parts


def _counter(name: str) -> tf.Variable:
    return tf.Variable(0, dtype=tf.int64, trainable=False, name=name)


def _optimizer_variables(adam: Adam) -> VariableBundle:
    named = {"step": adam.step}
    named |= {f"first/{name}": v for name, v in adam.first_moments.named.items()}
    named |= {f"second/{name}": v for name, v in adam.second_moments.named.items()}
    return VariableBundle(named)
