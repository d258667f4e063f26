"""Agreement between the workers of a cluster, and what happens when one of them is lost."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from deepfill_tf.errors import WorkerLostError

# TensorFlow's errors if another process does not answer.
CONNECTION_ERRORS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


class CrossWorker:
    """Collective operations on one number of each worker.

    With a single process nothing is sent.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.is_single_process = not _is_cluster(strategy)

        @tf.function
        def all_reduce_sum(value: tf.Tensor) -> tf.Tensor:
            def all_reduced(local):
                context = tf.distribute.get_replica_context()
                # An argument of the function has no device to be reduced on; its copy has.
                return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(local))

            return strategy.experimental_local_results(strategy.run(all_reduced, (value,)))[0]

        self._all_reduce_sum = all_reduce_sum
        self._replicas = strategy.num_replicas_in_sync

    def any(self, value: bool) -> bool:
        """True if `value` is true in any worker."""
        if self.is_single_process:
            return value
        return bool(self._all_reduce_sum(tf.constant(float(value))) > 0)

    def all_equal(self, number: int) -> bool:
        """True if all workers have the same number; exact below 2^24."""
        if self.is_single_process:
            return True
        value = tf.constant(number, tf.float64)
        sums = self._all_reduce_sum(tf.stack([value, value**2])).numpy()
        mean = sums[0] / self._replicas
        return bool(sums[1] / self._replicas == mean**2)


@contextlib.contextmanager
def worker_loss_reported(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Raises WorkerLostError for the errors that TensorFlow raises if another worker is lost."""
    try:
        yield
    except CONNECTION_ERRORS as error:
        if not _is_cluster(strategy):
            raise
        raise WorkerLostError(
            "lost connection to a worker; restart all workers to resume from the latest checkpoint"
        ) from error


def _is_cluster(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
