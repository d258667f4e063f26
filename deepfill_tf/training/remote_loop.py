"""The inner loop on parameter servers: steps on whichever worker is free."""

import time
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.training.inner_loop import InnerLoop


class RemoteLoop(InnerLoop):
    """Steps scheduled on the workers of a `ParameterServerStrategy`, joined at a visit's end.

    A worker takes a whole global batch for each update. Steps of a visit overlap: one may begin
    with weights that another is changing, so that results depend on timing, unlike those of
    every other strategy. The coordinator makes the batches, in the usual order.
    """

    def __init__(self, players, objective, strategy: tf.distribute.Strategy, **options):
        super().__init__(players, objective, strategy, **options)
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self._whole_step = tf.function(self._updates)

    def batches(self, dataset: Callable[..., tf.data.Dataset]):
        """Iterates over whole global batches: the coordinator makes them."""
        return iter(dataset())

    def run(
        self, iterator, steps: int, stop: Callable[[], bool] = lambda: False
    ) -> dict[str, tf.Tensor]:
        """As `InnerLoop.run`."""
        started = time.monotonic()
        first = int(self._players.step.numpy())
        scheduled: list[tf.distribute.experimental.coordinator.RemoteValue] = []
        while len(scheduled) < steps and not (scheduled and stop()):
            batches = [next(iterator) for _ in range(self._draws_per_step)]
            draw = tf.constant((first + len(scheduled)) * self._draws_per_step, tf.int64)
            scheduled.append(self._coordinator.schedule(self._whole_step, (batches, draw)))
        self.waited = time.monotonic() - started
        self._coordinator.join()
        self.reports = [step.fetch() for step in scheduled]
        self.steps = len(self.reports)
        self._players.step.assign_add(self.steps)
        return {
            name: tf.reduce_mean(tf.stack([report[name] for report in self.reports]))
            for name in self.reports[0]
        }

    def _updates(self, batches: list, draw: tf.Tensor) -> dict[str, tf.Tensor]:
        reports: dict[str, tf.Tensor] = {}
        *for_discriminator, for_generator = batches
        for index, batch in enumerate(for_discriminator):
            reports |= self._reports(self.update_discriminator, batch, draw + index)
        last = draw + len(for_discriminator)
        return reports | self._reports(self.update_generator, for_generator, last)
