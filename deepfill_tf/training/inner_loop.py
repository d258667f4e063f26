"""Many steps on the device for each visit of the host."""

import time
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.training.adam import Adam
from deepfill_tf.training.train_state import TrainState

Loss = Callable[[keras.Model, keras.Model, dict], tuple[tf.Tensor, dict[str, tf.Tensor]]]


class InnerLoop:
    """Steps of training: updates of the discriminator, then one of the generator.

    Every update has its own fresh batch. An update whose losses or gradients are not finite
    changes no weight, nor does any after it: `first_non_finite_batch` says which batch it was.

    Args:
      state: the networks and their optimizers.
      objective: has `discriminator_loss` and `generator_loss`, each called with
        (generator, discriminator, batch) and giving a scalar and named scalars.
      strategy: under whose scope `state` were made.
      discriminator_updates: updates of the discriminator in a step; may be none.
      gradient_accumulation_steps: each replica's share of a batch goes through in so many parts, whose
        gradients make up one update. Spectral norm's `u` moves once an update.
      jit_compile: compile forward and backward pass with XLA.

    Attributes:
      waited: seconds that the last `run` waited for batches.
      steps: that the last `run` took.
      reports: what each of them reported.
    """

    def __init__(
        self,
        state: TrainState,
        objective,
        strategy: tf.distribute.Strategy,
        *,
        discriminator_updates: int = 1,
        gradient_accumulation_steps: int = 1,
        jit_compile: bool = False,
    ):
        self._state = state
        self._strategy = strategy
        self._discriminator_updates = discriminator_updates
        self._draws_per_step = discriminator_updates + 1
        self._accumulation_parts = gradient_accumulation_steps
        self.waited = 0.0
        self.steps = 0
        self.reports: list[dict[str, tf.Tensor]] = []
        with strategy.scope():
            self._first_non_finite_batch = tf.Variable(-1, dtype=tf.int64, trainable=False)
        # Only this part is compiled: `strategy.run` and collectives are not.
        self._discriminator_gradients = tf.function(
            self._gradients_of(objective.discriminator_loss, state.discriminator_optimizer),
            jit_compile=jit_compile,
        )
        self._generator_gradients = tf.function(
            self._gradients_of(objective.generator_loss, state.generator_optimizer),
            jit_compile=jit_compile,
        )
        # One collective operation in each.
        self._discriminator_update = tf.function(
            lambda batch, batch_index: self._run_update(
                self.update_discriminator, batch, batch_index
            )
        )
        self._generator_update = tf.function(
            lambda batch, batch_index: self._run_update(self.update_generator, batch, batch_index)
        )

    @property
    def first_non_finite_batch(self) -> int | None:
        """The first batch, counted from the run's beginning, that gave what is not finite."""
        batch_index = int(self._first_non_finite_batch.numpy())
        return None if batch_index < 0 else batch_index

    def batches(self, dataset: Callable[..., tf.data.Dataset]):
        """Iterates over every replica's batches of `dataset`, a function of an input context."""
        return iter(self._strategy.distribute_datasets_from_function(dataset))

    def run(
        self, iterator, steps: int, stop: Callable[[], bool] = lambda: False
    ) -> dict[str, tf.Tensor]:
        """`steps` steps on batches from such an iterator; means of what they report.

        It ends early, after one step at least, where `stop` says so. The host only enqueues: it
        waits for batches and for no result. (In a `tf.while_loop` every turn would use the same
        key for its collective operation, and replicas could block each other.)
        """
        self.waited = 0.0
        first = int(self._state.step.numpy())
        self.reports = [self._step(iterator, first)]
        totals = self.reports[0]
        while len(self.reports) < steps and not stop():
            self.reports.append(self._step(iterator, first + len(self.reports)))
            totals = tf.nest.map_structure(tf.add, totals, self.reports[-1])
        self.steps = len(self.reports)
        self._state.step.assign_add(self.steps)
        return {name: total / self.steps for name, total in totals.items()}

    def update_discriminator(
        self, batch: dict[str, tf.Tensor], batch_index: tf.Tensor | int = 0
    ) -> dict[str, tf.Tensor]:
        """One update, in replica context; gives named scalars, means over the replicas."""
        gradients, reports = self._all_reduced_gradients(self._discriminator_gradients, batch)
        reports["discriminator/gradient_norm"] = tf.linalg.global_norm(list(gradients.values()))
        self._apply_if_finite(
            lambda: self._state.discriminator_optimizer.apply(gradients), reports, batch_index
        )
        return reports

    def update_generator(
        self, batch: dict[str, tf.Tensor], batch_index: tf.Tensor | int = 0
    ) -> dict[str, tf.Tensor]:
        """One update, in replica context; gives named scalars, means over the replicas."""
        gradients, reports = self._all_reduced_gradients(self._generator_gradients, batch)
        reports["generator/gradient_norm"] = tf.linalg.global_norm(list(gradients.values()))

        def apply():
            self._state.generator_optimizer.apply(gradients)
            if self._state.ema is not None:
                self._state.ema.update()

        self._apply_if_finite(apply, reports, batch_index)
        return reports

    def _step(self, iterator, step: int) -> dict[str, tf.Tensor]:
        """Step number `step`, from 0 on."""
        reports = {}
        batch_index = step * self._draws_per_step
        for _ in range(self._discriminator_updates):
            reports = self._discriminator_update(self._next_batch(iterator), _number(batch_index))
            batch_index += 1
        generator_reports = self._generator_update(self._next_batch(iterator), _number(batch_index))
        return {**reports, **generator_reports}

    def _next_batch(self, iterator):
        """Every replica's next batch; taken out here, where the host sees how long it takes."""
        started = time.monotonic()
        batch = next(iterator)
        self.waited += time.monotonic() - started
        return batch

    def _run_update(self, update: Callable, batch, batch_index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Updates every replica with its batch; what they report is the same on all."""
        reports = self._strategy.run(update, (batch, batch_index))
        local = self._strategy.experimental_local_results
        return {name: local(value)[0] for name, value in reports.items()}

    def _apply_if_finite(
        self, apply: Callable, reports: dict, batch_index: tf.Tensor | int
    ) -> None:
        """Applies an update if it and all before are finite; all replicas report the same."""
        finite = tf.reduce_all(tf.math.is_finite(tf.stack(list(reports.values()))))
        halted = self._first_non_finite_batch.read_value()

        def record_or_skip():
            self._first_non_finite_batch.assign(
                tf.where(halted < 0, tf.cast(batch_index, tf.int64), halted)
            )

        tf.cond(tf.logical_and(finite, halted < 0), apply, record_or_skip)

    def _gradients_of(self, loss: Loss, optimizer: Adam) -> Callable:
        """A function of a batch: gradients of this replica's share of the loss, reports."""
        generator, discriminator = self._state.generator, self._state.discriminator
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

    def _all_reduced_gradients(
        self, gradients_of: Callable, batch: dict[str, tf.Tensor]
    ) -> tuple[dict, dict]:
        """Gradients summed over all replicas and parts, mean reports; one collective operation."""
        gradients, reports = self._accumulated_gradients(gradients_of, batch)
        replicas = self._strategy.num_replicas_in_sync
        shares = {name: value / replicas for name, value in reports.items()}
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, shares))

    def _accumulated_gradients(self, gradients_of: Callable, batch: dict[str, tf.Tensor]):
        """Mean gradients and reports of this replica's batch, part by part."""
        parts = self._accumulation_parts
        if parts == 1:
            return gradients_of(batch)
        size = next(iter(batch.values())).shape[0] // parts
        # What moves in the forward pass moves with each part from the same place to the same.
        before = [(v, v.read_value()) for v in self._state.moving_variables()]
        means = None
        for part in range(parts):
            here = {name: value[part * size : (part + 1) * size] for name, value in batch.items()}
            with tf.control_dependencies(tf.nest.flatten(means) if part else []):
                for variable, value in before if part else ():
                    variable.assign(value)
                shares = tf.nest.map_structure(lambda x: x / parts, gradients_of(here))
            means = tf.nest.map_structure(tf.add, means, shares) if part else shares
        return means


def _number(batch_index: int) -> tf.Tensor:
    return tf.constant(batch_index, tf.int64)
