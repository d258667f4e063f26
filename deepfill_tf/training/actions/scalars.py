"""Numbers for TensorBoard."""

import tensorflow as tf

from deepfill_tf.training.actions.action import Action, check_steps
from deepfill_tf.training.session import Session


class WriteScalars(Action):
    """Losses, gradient norms, the learning rate, pictures a second, the share of waiting.

    Args:
      every_steps: steps between the points of a curve.
    """

    def __init__(self, *, every_steps: int = 100):
        self._every_steps = check_steps("WriteScalars.every_steps", every_steps)

    def visit(self, session: Session) -> None:
        if not session.passed(self._every_steps):
            return
        with session.writer.as_default(step=session.step):
            for name, value in session.losses.items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("learning_rate", session.learning_rate)
            tf.summary.scalar("images_per_second", session.images_per_second)
            tf.summary.scalar("input/waiting_share", session.waiting_share)
