"""The two networks under training and everything that an update of them changes."""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle, keras, named_variables
from deepfill_tf.training.adam import Adam
from deepfill_tf.training.moving_average import ExponentialMovingAverage


class TrainState(tf.Module):
    """Generator, discriminator, their optimizers, the step, and perhaps an average.

    Made inside a strategy's scope from built networks.

    Args:
      generator, discriminator: built models.
      share_step: one Adam step count for both networks, as released: with one update
        each the discriminator sees t = 1, 3, 5, ... and the generator t = 2, 4, 6, ...
      ema_decay: of the moving average of the generator's weights; None for none.
      adam: arguments of `Adam`.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        share_step: bool,
        ema_decay: float | None,
        adam: dict,
    ):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.step = _counter("step")
        self.generator_variables = VariableBundle(named_variables(generator.weights))
        self.discriminator_variables = VariableBundle(named_variables(discriminator.weights))
        count = _counter("count")
        self.discriminator_optimizer = Adam(
            named_variables(discriminator.trainable_variables), count=count, **adam
        )
        trained = named_variables(generator.trainable_variables)
        own_count = count if share_step else _counter("generator_count")
        self.generator_optimizer = Adam(trained, count=own_count, **adam)
        self.ema = None if ema_decay is None else ExponentialMovingAverage(trained, ema_decay)

    def moving_variables(self) -> list[tf.Variable]:
        """What the forward pass moves: spectral norm's `u`."""
        optimizers = self.generator_optimizer, self.discriminator_optimizer
        trained = {id(v) for o in optimizers for v in o.variables_by_name.values()}
        named = self.generator_variables.named, self.discriminator_variables.named
        return [v for part in named for v in part.values() if id(v) not in trained]

    def bundles(self) -> dict[str, VariableBundle]:
        """All variables but the step, by part.

        The generator's part is laid out as `inference.run_directory` reads it.
        """
        parts = {
            "generator": self.generator_variables,
            "discriminator": self.discriminator_variables,
            "discriminator_optimizer": _optimizer_state(self.discriminator_optimizer),
            "generator_optimizer": _optimizer_state(self.generator_optimizer),
        }
        if self.ema is not None:
            parts["ema"] = VariableBundle(self.ema.named)
        return parts

    def checkpoint(self) -> tf.train.Checkpoint:
        """Everything that training needs to go on."""
        return tf.train.Checkpoint(step=self.step, **self.bundles())


def _counter(name: str) -> tf.Variable:
    return tf.Variable(0, dtype=tf.int64, trainable=False, name=name)


def _optimizer_state(adam: Adam) -> VariableBundle:
    state = {"count": adam.count}
    state |= {f"first/{name}": v for name, v in adam.first_moments.named.items()}
    state |= {f"second/{name}": v for name, v in adam.second_moments.named.items()}
    return VariableBundle(state)
