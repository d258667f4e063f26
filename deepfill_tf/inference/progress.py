"""Progress of a completion of many files: a bar, or lines where there is no terminal."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfill_tf.inference.forecast import as_time

# Seconds between two lines.
_EVERY_SECONDS = 10.0


class FileProgress:
    """Shows how many of `total` images are done, and the time left.

    Example:
      >>> with FileProgress(2) as progress:
      ...     progress.advance()
    """

    def __init__(self, total: int):
        self._total, self._done = total, 0
        self._started = self._printed_at = time.monotonic()
        self._bar: Progress | None = None
        if total > 1 and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("image"),
                MofNCompleteColumn(),
                BarColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> "FileProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self) -> None:
        """Notes that another image is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
            return
        now = time.monotonic()
        if now - self._printed_at >= _EVERY_SECONDS and self._done < self._total:
            self._printed_at = now
            left = (now - self._started) / self._done * (self._total - self._done)
            line = f"image {self._done}/{self._total}  {as_time(left)} left"
            print(line, file=sys.stderr, flush=True)
