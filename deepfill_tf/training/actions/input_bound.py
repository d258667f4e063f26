"""Saying when the input pipeline is the bottleneck."""

import logging

from deepfill_tf.training.actions.action import Action, check_seconds
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class WarnIfInputBound(Action):
    """Warns when too much of the steps' time goes by in waiting for images.

    A session's first visit does not count: it waits for tracing and for the pipeline to fill.

    Args:
      max_stall_fraction: of the steps' time that waiting may take, in (0, 1).
      every_seconds: how much of the steps' time is looked at together, so that a moment's
        delay is no alarm; every warning doubles it, so that a long run has few.
    """

    def __init__(self, *, max_stall_fraction: float = 0.1, every_seconds: float = 30.0):
        if not isinstance(max_stall_fraction, int | float) or not 0 < max_stall_fraction < 1:
            raise ValueError(
                f"WarnIfInputBound.max_stall_fraction must be in (0, 1), got {max_stall_fraction!r}"
            )
        self._greatest_share = max_stall_fraction
        self._every_seconds = check_seconds("WarnIfInputBound.every_seconds", every_seconds)
        self._begin_anew()

    def on_loop_end(self, context: TrainingContext) -> None:
        if context.previous_step == context.first_step:
            return
        steps = context.step - context.previous_step
        seconds = steps / context.rate
        self._steps += steps
        self._seconds += seconds
        self._waited += context.stall_fraction * seconds
        if self._seconds < self._every_seconds:
            return
        share = self._waited / self._seconds
        if share > self._greatest_share:
            LOG.warning(
                "the input pipeline is the bottleneck: %.0f %% of the last %d steps' time was "
                "spent waiting for images; smaller images on disk, faster storage or more "
                "cores help",
                100 * share,
                self._steps,
            )
            self._every_seconds *= 2
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._steps, self._seconds, self._waited = 0, 0.0, 0.0
