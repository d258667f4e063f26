"""Saving of checkpoints."""

import logging
import time

from deepfill_tf.checks import check_at_least
from deepfill_tf.training.actions.action import Action, check_every_steps
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class SaveCheckpoints(Action):
    """Saves a checkpoint every so many steps or seconds, whichever comes first, and at the end.

    Args:
      every_steps: steps between checkpoints; None: not by steps.
      every_seconds: seconds between checkpoints; None: not by time.
    """

    def __init__(self, *, every_steps: int | None = 2000, every_seconds: float | None = None):
        self._every_steps = check_every_steps("SaveCheckpoints.every_steps", every_steps)
        if every_seconds is not None:
            check_at_least("SaveCheckpoints.every_seconds", every_seconds)
        self._every_seconds = every_seconds
        self._saved_at = 0.0
        self._saved_step = -1

    def on_train_begin(self, context: TrainingContext) -> None:
        self._saved_at = time.monotonic()
        self._saved_step = context.first_step

    def on_loop_end(self, context: TrainingContext) -> None:
        elapsed = time.monotonic() - self._saved_at
        if context.is_due(self._every_steps) or (
            self._every_seconds is not None and elapsed >= self._every_seconds
        ):
            self._save(context)

    def on_train_end(self, context: TrainingContext) -> None:
        if self._saved_step != context.step:
            self._save(context)

    def _save(self, context: TrainingContext) -> None:
        path = context.checkpoints.save()
        LOG.info("saved %s", path)
        self._saved_at = time.monotonic()
        self._saved_step = context.step
