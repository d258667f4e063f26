"""What happens between visits of the inner loop."""

from deepfill_tf.training.session import Session


class Action:
    """Host work, small and of one kind. All methods may be left out."""

    def begin(self, session: Session) -> None:
        """Called once before the first step of a session."""

    def visit(self, session: Session) -> None:
        """Called after each visit of the inner loop."""

    def finish(self, session: Session) -> None:
        """Called once when the last step of the run is done."""

    def end(self, session: Session) -> None:
        """Called once when the session ends, for whatever reason."""
