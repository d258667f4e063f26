"""What happens between visits of the inner loop."""

from deepfill_tf.training.training_context import TrainingContext


def check_steps(name: str, value: int | None) -> int | None:
    """`value`, if it is a number of steps, or None for never; else raises ValueError."""
    if value is not None and not (isinstance(value, int) and value > 0):
        raise ValueError(f"{name} must be a positive integer or None, got {value!r}")
    return value


def check_seconds(name: str, value: float) -> float:
    """`value`, if it is a number of seconds; else raises ValueError."""
    if not (isinstance(value, int | float) and value >= 0):
        raise ValueError(f"{name} must be a number of at least 0, got {value!r}")
    return value


class Action:
    """Host work, small and of one kind. All methods may be left out."""

    def on_train_begin(self, context: TrainingContext) -> None:
        """Called once before the first step of a context."""

    def on_loop_end(self, context: TrainingContext) -> None:
        """Called after each visit of the inner loop."""

    def on_train_end(self, context: TrainingContext) -> None:
        """Called once when the last step of the run is done."""

    def close(self, context: TrainingContext) -> None:
        """Called once when the session ends, for whatever reason."""
