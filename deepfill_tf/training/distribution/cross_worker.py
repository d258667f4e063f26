"""What the processes of a cluster decide together."""

import tensorflow as tf


class CrossWorker:
    """Lets all processes of a strategy know what one of them knows.

    With one process there is nothing to agree on, and nothing is sent.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.is_single_process = not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)

        @tf.function
        def summed(value: tf.Tensor) -> tf.Tensor:
            def all_reduced(local):
                context = tf.distribute.get_replica_context()
                # Made here: what is handed through has no device to be reduced on.
                return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(local))

            return strategy.experimental_local_results(strategy.run(all_reduced, (value,)))[0]

        self._summed = summed
        self._replicas = strategy.num_replicas_in_sync

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        return here if self.is_single_process else bool(self._summed(tf.constant(float(here))) > 0)

    def all_equal(self, number: int) -> bool:
        """Whether all processes have the same number, below 2^24 of them."""
        if self.is_single_process:
            return True
        value = tf.constant(number, tf.float64)
        sums = self._summed(tf.stack([value, value**2])).numpy()
        mean = sums[0] / self._replicas
        return bool(sums[1] / self._replicas == mean**2)
