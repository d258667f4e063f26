"""Many steps on the device for each visit of the host."""

import time
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.training.adam import Adam
from deepfill_tf.training.players import Players

Loss = Callable[[keras.Model, keras.Model, dict], tuple[tf.Tensor, dict[str, tf.Tensor]]]


class InnerLoop:
    """Steps of training: updates of the discriminator, then one of the generator.

    Every update has its own fresh batch.

    Args:
      players: the networks and their optimizers.
      objective: has `discriminator_loss` and `generator_loss`, each called with
        (generator, discriminator, batch) and giving a scalar and named scalars.
      strategy: under whose scope `players` were made.
      discriminator_updates: updates of the discriminator in a step; may be none.
      jit_compile: compile forward and backward pass with XLA.

    Attributes:
      waited: seconds that the last `run` waited for batches.
    """

    def __init__(
        self,
        players: Players,
        objective,
        strategy: tf.distribute.Strategy,
        *,
        discriminator_updates: int = 1,
        jit_compile: bool = False,
    ):
        self._players = players
        self._strategy = strategy
        self._discriminator_updates = discriminator_updates
        self.waited = 0.0
        # Only this part is compiled: `strategy.run` and collectives are not.
        self._discriminator_gradients = tf.function(
            self._gradients_of(objective.discriminator_loss, players.discriminator_optimizer),
            jit_compile=jit_compile,
        )
        self._generator_gradients = tf.function(
            self._gradients_of(objective.generator_loss, players.generator_optimizer),
            jit_compile=jit_compile,
        )
        # One collective operation in each.
        self._discriminator_update = tf.function(
            lambda batch: self._reports(self.update_discriminator, batch)
        )
        self._generator_update = tf.function(
            lambda batch: self._reports(self.update_generator, batch)
        )

    def run(self, iterator, steps: int) -> dict[str, tf.Tensor]:
        """`steps` steps on batches from a distributed iterator; means of what they report.

        The host only enqueues: it waits for batches and for no result. (In a `tf.while_loop`
        every turn would use the same key for its collective operation, and replicas could block
        each other.)
        """
        self.waited = 0.0
        totals = self._step(iterator)
        for _ in range(steps - 1):
            totals = tf.nest.map_structure(tf.add, totals, self._step(iterator))
        self._players.step.assign_add(steps)
        return {name: total / steps for name, total in totals.items()}

    def update_discriminator(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update, in replica context; gives named scalars, means over the replicas."""
        gradients, reports = self._sum(*self._discriminator_gradients(batch))
        self._players.discriminator_optimizer.apply(gradients)
        norm = tf.linalg.global_norm(list(gradients.values()))
        return {**reports, "discriminator/gradient_norm": norm}

    def update_generator(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update, in replica context; gives named scalars, means over the replicas."""
        gradients, reports = self._sum(*self._generator_gradients(batch))
        self._players.generator_optimizer.apply(gradients)
        if self._players.average is not None:
            self._players.average.update()
        norm = tf.linalg.global_norm(list(gradients.values()))
        return {**reports, "generator/gradient_norm": norm}

    def _step(self, iterator) -> dict[str, tf.Tensor]:
        reports = {}
        for _ in range(self._discriminator_updates):
            reports = self._discriminator_update(self._next_batch(iterator))
        return {**reports, **self._generator_update(self._next_batch(iterator))}

    def _next_batch(self, iterator):
        """Every replica's next batch; taken out here, where the host sees how long it takes."""
        started = time.monotonic()
        batch = next(iterator)
        self.waited += time.monotonic() - started
        return batch

    def _reports(self, update: Callable, batch) -> dict[str, tf.Tensor]:
        """Updates every replica with its batch; what they report is the same on all."""
        reports = self._strategy.run(update, (batch,))
        local = self._strategy.experimental_local_results
        return {name: local(value)[0] for name, value in reports.items()}

    def _gradients_of(self, loss: Loss, optimizer: Adam) -> Callable:
        """A function of a batch: gradients of this replica's share of the loss, reports."""
        generator, discriminator = self._players.generator, self._players.discriminator
        replicas = self._strategy.num_replicas_in_sync
        variables = dict(optimizer.variables_by_name)  # not Keras 2's wrapper of a dict

        def gradients_and_reports(batch):
            with tf.GradientTape() as tape:
                value, reports = loss(generator, discriminator, batch)
                share = value / replicas
            gradients = tape.gradient(
                share,
                variables,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return gradients, reports

        return gradients_and_reports

    def _sum(self, gradients: dict, reports: dict) -> tuple[dict, dict]:
        """Summed gradients and mean reports of all replicas, in one collective operation."""
        replicas = self._strategy.num_replicas_in_sync
        shares = {name: value / replicas for name, value in reports.items()}
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, shares))
