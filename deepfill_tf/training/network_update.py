"""One update of one network: gradients, their sum over all replicas, Adam."""

from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.ops.custom_gradient import free_with_program
from deepfill_tf.training.adam import Adam
from deepfill_tf.training.train_state import TrainState

Batch = dict[str, tf.Tensor]
Scalars = dict[str, tf.Tensor]
Loss = Callable[[keras.Model, keras.Model, Batch, tf.Tensor], tuple[tf.Tensor, Scalars]]


class NetworkUpdate:
    """Updates the generator or the discriminator from one global batch.

    1. Each replica computes gradients of the loss of its part of the batch.
    2. One collective operation sums gradients and reported losses over all replicas.
    3. Adam, and the moving average if there is one, are applied if every reported value is
       finite, and was in all updates before.

    Calling it runs these steps on all replicas. Only step 1 is compiled with XLA if `jit_compile`
    is set: `strategy.run` and collective operations are not.

    Args:
      network: "generator" or "discriminator"; the gradient norm is reported as
        `<network>/gradient_norm`.
      loss: called with (generator, discriminator, batch, training step); returns the scalar to
        minimize and named scalars to report.
      optimizer: of the network's trainable variables.
      state: the networks.
      strategy: the strategy in whose scope `state` was created.
      first_non_finite_batch: scalar int64 variable, -1 until an update has values that are not
        finite, then the index of its batch.
      apply_also: called with the training step in replica context after Adam's update.
      batches_per_step: batches, and so updates of both networks, in a training step.
      gradient_accumulation_steps: parts in which a replica computes its gradients, one after the
        other; spectral norm's `u` moves once per update all the same.
      jit_compile: compile the forward and backward pass with XLA.
    """

    def __init__(
        self,
        network: str,
        *,
        loss: Loss,
        optimizer: Adam,
        state: TrainState,
        strategy: tf.distribute.Strategy,
        first_non_finite_batch: tf.Variable,
        apply_also: Callable[[tf.Tensor], None] = lambda training_step: None,
        batches_per_step: int = 1,
        gradient_accumulation_steps: int = 1,
        jit_compile: bool = False,
    ):
        self._network = network
        self._loss = loss
        self._optimizer = optimizer
        self._state = state
        self._strategy = strategy
        self._first_non_finite_batch = first_non_finite_batch
        self._apply_also = apply_also
        self._batches_per_step = batches_per_step
        self._parts = gradient_accumulation_steps
        self._gradients = tf.function(
            self._gradients_and_scalars, autograph=False, jit_compile=jit_compile
        )
        self._run = tf.function(self._run_on_all_replicas, autograph=False)

    def __call__(self, batch: Batch, batch_index: int) -> Scalars:
        """Runs the update on all replicas.

        Args:
          batch: the global batch, distributed over the replicas.
          batch_index: index of the batch, counted from the start of the run.

        Returns:
          Named scalars, means over the replicas.
        """
        return self._run(batch, tf.constant(batch_index, tf.int64))

    def trace(self, batch: Batch) -> None:
        """Traces the program for batches like `batch`, as the first call would."""
        self._run.get_concrete_function(batch, tf.constant(0, tf.int64))

    def in_replica(self, batch: Batch, batch_index: tf.Tensor | int = 0) -> Scalars:
        """The same update in replica context, from this replica's part of the batch."""
        step = tf.cast(batch_index, tf.int64) // self._batches_per_step
        means = self._accumulated_gradients(batch, step)
        gradients, scalars = self._all_reduced_gradients(*means)
        norm = tf.linalg.global_norm(list(gradients.values()))
        scalars[f"{self._network}/gradient_norm"] = norm
        self._apply_if_finite(gradients, scalars, batch_index)
        return scalars

    def _run_on_all_replicas(self, batch: Batch, batch_index: tf.Tensor) -> Scalars:
        scalars = self._strategy.run(self.in_replica, (batch, batch_index))
        # They are the same on all replicas.
        local = self._strategy.experimental_local_results
        return {name: local(value)[0] for name, value in scalars.items()}

    def _gradients_and_scalars(
        self, batch: Batch, step: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], Scalars]:
        """Gradients of the loss, divided by the number of replicas; named scalars."""
        variables = dict(self._optimizer.variables_by_name)  # Keras 2 wraps it in another type
        with tf.GradientTape() as tape:
            loss, scalars = self._loss(
                self._state.generator, self._state.discriminator, batch, step
            )
            loss = loss / self._strategy.num_replicas_in_sync
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, variables, unconnected_gradients=zero), scalars

    def _accumulated_gradients(
        self, batch: Batch, step: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], Scalars]:
        """Means of gradients and scalars over the parts of this replica's batch."""
        parts = self._parts
        if parts == 1:
            return self._gradients(batch, step)
        size = next(iter(batch.values())).shape[0] // parts

        def fraction_of_mean(part: int):
            here = {name: value[part * size : (part + 1) * size] for name, value in batch.items()}
            return tf.nest.map_structure(lambda x: x / parts, self._gradients(here, step))

        # Every part's forward pass starts from the same `u`, so that it moves once.
        before = [(v, v.read_value()) for v in self._state.moving_variables()]
        means = fraction_of_mean(0)
        for part in range(1, parts):
            with tf.control_dependencies(tf.nest.flatten(means)):
                for variable, value in before:
                    variable.assign(value)
                more = fraction_of_mean(part)
            means = tf.nest.map_structure(tf.add, means, more)
        return means

    def _all_reduced_gradients(
        self, gradients: dict[str, tf.Tensor], scalars: Scalars
    ) -> tuple[dict[str, tf.Tensor], Scalars]:
        """Gradients summed over the replicas, scalars averaged, in one collective operation."""
        replicas = self._strategy.num_replicas_in_sync
        fractions = {name: value / replicas for name, value in scalars.items()}
        context = tf.distribute.get_replica_context()
        reduced = context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, fractions))
        free_with_program(reduced)
        return reduced

    def _apply_if_finite(
        self, gradients: dict[str, tf.Tensor], scalars: Scalars, batch_index: tf.Tensor | int
    ) -> None:
        finite = tf.reduce_all(tf.math.is_finite(tf.stack(list(scalars.values()))))
        first_non_finite = self._first_non_finite_batch.read_value()

        def apply():
            step = tf.cast(batch_index, tf.int64) // self._batches_per_step
            self._optimizer.apply(gradients, step)
            self._apply_also(step)

        def record_or_skip():
            index = tf.cast(batch_index, tf.int64)
            self._first_non_finite_batch.assign(
                tf.where(first_non_finite < 0, index, first_non_finite)
            )

        tf.cond(tf.logical_and(finite, first_non_finite < 0), apply, record_or_skip)
