"""Training steps: updates of the discriminator, then one of the generator."""

import collections
import concurrent.futures
import contextlib
import functools
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from deepfill_tf.objectives import Objective
from deepfill_tf.training.network_update import NetworkUpdate, Scalars
from deepfill_tf.training.train_state import TrainState


class InnerLoop:
    """Runs training steps on the device, without waiting for their results.

    A step is `discriminator_updates` updates of the discriminator and one of the generator, each
    from a batch of its own. The host only enqueues updates. (In a `tf.while_loop` every turn
    would use the same key for its collective operation, and replicas could block each other.)

    An update with a loss or a gradient norm that is not finite changes no weight, nor does any
    update after it. The batches of a step are there before its first update, so that a stream
    that fails leaves the networks as they were after a whole step.

    Args:
      state: the networks and their optimizers.
      objective: the losses of both networks.
      strategy: the strategy in whose scope `state` was created.
      discriminator_updates: updates of the discriminator in a step, >= 0.
      gradient_accumulation_steps, jit_compile: see `NetworkUpdate`.

    Attributes:
      batches_per_step: batches that a step takes, one for each update.
      update_discriminator, update_generator: the two updates.
      steps: number of steps of the last `run`.
      scalars: the scalars of each of these steps.
      input_seconds: seconds in which the last `run` waited for batches.
    """

    def __init__(
        self,
        state: TrainState,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        *,
        discriminator_updates: int = 1,
        gradient_accumulation_steps: int = 1,
        jit_compile: bool = False,
    ):
        self._state = state
        self._strategy = strategy
        self._discriminator_updates = discriminator_updates
        self.batches_per_step = discriminator_updates + 1
        self.steps = 0
        self.scalars: list[Scalars] = []
        self.input_seconds = 0.0
        # Batches that were taken from an iterator and not used yet, and how that iterator ended.
        self._batches: Iterator | None = None
        self._drawn: collections.deque = collections.deque()
        self._end: Exception | None = None
        self._is_traced = False
        with strategy.scope():
            self._first_non_finite_batch = tf.Variable(-1, dtype=tf.int64, trainable=False)
        network_update = functools.partial(
            NetworkUpdate,
            state=state,
            strategy=strategy,
            first_non_finite_batch=self._first_non_finite_batch,
            gradient_accumulation_steps=gradient_accumulation_steps,
            jit_compile=jit_compile,
            batches_per_step=self.batches_per_step,
        )
        self.update_discriminator = network_update(
            "discriminator",
            loss=lambda generator, discriminator, batch, _: objective.discriminator_loss(
                generator, discriminator, batch
            ),
            optimizer=state.discriminator_optimizer,
        )
        self.update_generator = network_update(
            "generator",
            loss=objective.generator_loss,
            optimizer=state.generator_optimizer,
            apply_also=state.update_ema,
        )

    @property
    def first_non_finite_batch(self) -> int | None:
        """Index of the first batch, from the start of the run, whose update was not finite."""
        batch_index = int(self._first_non_finite_batch.numpy())
        return None if batch_index < 0 else batch_index

    def batches(self, dataset: Callable[..., tf.data.Dataset]) -> Iterator:
        """Returns an iterator over global batches of `dataset`, a function of an input context.

        The first update of a step is traced while the stream starts. So the dataset must be
        endless, as that of `ImagePipeline`: of one that ends, the workers of a cluster do not know
        the shapes of the batches.
        """
        distributed = self._strategy.distribute_datasets_from_function(dataset)
        first_update = (
            self.update_discriminator if self._discriminator_updates else self.update_generator
        )
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            started = thread.submit(iter, distributed)
            first_update.trace(distributed.element_spec)
        return started.result()

    def run(
        self, batches: Iterator, steps: int, stop: Callable[[], bool] = lambda: False
    ) -> Scalars:
        """Runs `steps` steps, or fewer, but at least one, if `stop()` becomes true.

        Returns:
          Means of the steps' scalars.

        Raises what `batches` raises if there are not enough for a step. The state is that after
        `self.steps` whole steps then, which may be none.
        """
        self.input_seconds, self.scalars = 0.0, []
        if batches is not self._batches:
            self._batches, self._end = batches, None
            self._drawn.clear()
        first = int(self._state.step.numpy())
        try:
            while not self.scalars or (len(self.scalars) < steps and not stop()):
                self.scalars.append(self._step(batches, first + len(self.scalars)))
        finally:
            self.steps = len(self.scalars)
            self._state.step.assign_add(self.steps)
        totals = functools.reduce(_sum, self.scalars)
        return {name: total / self.steps for name, total in totals.items()}

    def _step(self, batches: Iterator, step: int) -> Scalars:
        """Runs step number `step`, counted from 0; returns its scalars."""
        scalars, batch_index = {}, step * self.batches_per_step
        while len(self._drawn) < self.batches_per_step:
            self._draw(batches)
            if self._end is not None:
                raise self._end
        with self._generator_traced_meanwhile():
            for _ in range(self._discriminator_updates):
                scalars = self.update_discriminator(self._next(batches), batch_index)
                batch_index += 1
        return scalars | self.update_generator(self._next(batches), batch_index)

    @contextlib.contextmanager
    def _generator_traced_meanwhile(self) -> Iterator[None]:
        """In the first step the generator's update is traced while the discriminator's runs.

        Tracing is Python, which waits for nothing, and running is not. One after the other is
        traced, so that all workers of a cluster number their collective operations alike.
        """
        if self._is_traced or not self._discriminator_updates:
            yield
            return
        batch = self._drawn[0]
        self.update_discriminator.trace(batch)  # `batches` has, but other iterators are welcome
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            traced = thread.submit(self.update_generator.trace, batch)
            yield
        traced.result()
        self._is_traced = True

    def _next(self, batches: Iterator):
        """Returns the next global batch, and draws one of the step after it in its place."""
        batch = self._drawn.popleft()
        self._draw(batches)
        return batch

    def _draw(self, batches: Iterator) -> None:
        """Draws a global batch, and measures how long the host waits for it."""
        if self._end is not None:
            return
        started = time.monotonic()
        try:
            self._drawn.append(next(batches))
        except (StopIteration, tf.errors.OpError) as error:
            self._end = error
        self.input_seconds += time.monotonic() - started


def _sum(total: Scalars, scalars: Scalars) -> Scalars:
    return {name: total[name] + value for name, value in scalars.items()}
