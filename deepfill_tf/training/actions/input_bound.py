"""Warning about an input pipeline that limits the speed of training."""

import logging

from deepfill_tf.checks import check_at_least, check_in_range
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class WarnIfInputBound(Action):
    """Warns if the device waits for images for too large a fraction of the time.

    The first loop of a process is ignored: it includes tracing and filling the pipeline.

    Args:
      max_stall_fraction: largest fraction of the steps' time that waiting may take, in (0, 1).
      every_seconds: seconds of the steps' time that are averaged, so that a short delay is no
        warning. Every warning doubles it, so that a long run has few.
    """

    def __init__(self, *, max_stall_fraction: float = 0.1, every_seconds: float = 30.0):
        self._max_stall_fraction = check_in_range(
            "WarnIfInputBound.max_stall_fraction", max_stall_fraction, 0, 1, low_open=True
        )
        self._every_seconds = check_at_least("WarnIfInputBound.every_seconds", every_seconds)
        self._reset()

    def on_loop_end(self, context: TrainingContext) -> None:
        if context.previous_step == context.first_step:
            return
        steps = context.step - context.previous_step
        seconds = steps / context.steps_per_second
        self._steps += steps
        self._seconds += seconds
        self._stalled += context.stall_fraction * seconds
        if self._seconds < self._every_seconds:
            return
        fraction = self._stalled / self._seconds
        if fraction > self._max_stall_fraction:
            LOG.warning(
                "the input pipeline is the bottleneck: %.0f %% of the last %d steps' time was "
                "spent waiting for images; smaller images on disk, faster storage or more "
                "cores help",
                100 * fraction,
                self._steps,
            )
            self._every_seconds *= 2
        self._reset()

    def _reset(self) -> None:
        self._steps, self._seconds, self._stalled = 0, 0.0, 0.0
