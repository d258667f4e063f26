"""Scalars for TensorBoard."""

import tensorflow as tf

from deepfill_tf.schedules import value_at
from deepfill_tf.training.actions.action import Action, check_every_steps
from deepfill_tf.training.training_context import TrainingContext


class WriteScalars(Action):
    """Writes losses, gradient norms, learning rate, images per second and the stall fraction.

    Args:
      every_steps: steps between the points of a curve; None: not by steps. The last step is
        always written.
    """

    def __init__(self, *, every_steps: int | None = 100):
        self._every_steps = check_every_steps("WriteScalars.every_steps", every_steps)

    def on_loop_end(self, context: TrainingContext) -> None:
        if not (context.is_due(self._every_steps) or context.step >= context.max_steps):
            return
        with context.writer.as_default(step=context.step):
            for name, value in context.losses.items():
                tf.summary.scalar(name, value)
            rate = value_at(context.learning_rate, context.step - 1)  # of the last step
            tf.summary.scalar("learning_rate", rate)
            tf.summary.scalar("images_per_second", context.images_per_second)
            tf.summary.scalar("input/stall_fraction", context.stall_fraction)
