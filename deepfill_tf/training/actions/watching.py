"""Saying when the input pipeline is the bottleneck."""

import logging

from deepfill_tf.training.actions.action import Action, check_seconds
from deepfill_tf.training.session import Session

LOG = logging.getLogger(__name__)


class WatchInput(Action):
    """Warns when too much of the steps' time goes by in waiting for pictures.

    A session's first visit does not count: it waits for tracing and for the pipeline to fill.

    Args:
      greatest_share: of the steps' time that waiting may take, in (0, 1).
      every_seconds: how much of the steps' time is looked at together, so that a moment's
        delay is no alarm; every warning doubles it, so that a long run has few.
    """

    def __init__(self, *, greatest_share: float = 0.1, every_seconds: float = 30.0):
        if not isinstance(greatest_share, int | float) or not 0 < greatest_share < 1:
            raise ValueError(f"WatchInput.greatest_share must be in (0, 1), got {greatest_share!r}")
        self._greatest_share = greatest_share
        self._every_seconds = check_seconds("WatchInput.every_seconds", every_seconds)
        self._begin_anew()

    def visit(self, session: Session) -> None:
        if session.previous_step == session.first_step:
            return
        steps = session.step - session.previous_step
        seconds = steps / session.rate
        self._steps += steps
        self._seconds += seconds
        self._waited += session.waiting_share * seconds
        if self._seconds < self._every_seconds:
            return
        share = self._waited / self._seconds
        if share > self._greatest_share:
            LOG.warning(
                "the input pipeline is the bottleneck: %.0f %% of the last %d steps' time was "
                "spent waiting for pictures; smaller pictures on disk, faster storage or more "
                "cores help",
                100 * share,
                self._steps,
            )
            self._every_seconds *= 2
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._steps, self._seconds, self._waited = 0, 0.0, 0.0
