"""The interface of actions: host work between loops of training steps."""

from deepfill_tf.training.training_context import TrainingContext


def check_every_steps(name: str, value: int | None) -> int | None:
    """Returns `value` if it is a positive integer, or None for never; else raises ValueError."""
    if value is not None and not (isinstance(value, int) and value > 0):
        raise ValueError(f"{name} must be a positive integer or None, got {value!r}")
    return value


class Action:
    """Host work of one kind during training. Subclasses override the methods that they need.

    Only the chief of a cluster runs actions, in the order in which they are listed.
    """

    def on_train_begin(self, context: TrainingContext) -> None:
        """Called once, before the first step of a process."""

    def on_loop_end(self, context: TrainingContext) -> None:
        """Called after every loop of `Trainer.steps_per_loop` steps."""

    def on_train_end(self, context: TrainingContext) -> None:
        """Called once, after the last step of the run; not if training was stopped before."""

    def close(self, context: TrainingContext) -> None:
        """Called once when training ends for any reason, an error included."""
