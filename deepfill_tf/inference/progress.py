"""Progress of many images or holes: a bar, or lines where there is no terminal."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfill_tf.inference.forecast import as_time

# Seconds between two lines.
_EVERY_SECONDS = 10.0


class CountProgress:
    """Shows how many of `total` images are done, and the time left.

    Args:
      total: number of images.
      noun: what is counted, in the singular.

    Example:
      >>> with CountProgress(2) as progress:
      ...     progress.advance()
    """

    def __init__(self, total: int, noun: str = "image"):
        self._total, self._done, self._noun = total, 0, noun
        self._started = self._printed_at = time.monotonic()
        self._bar: Progress | None = None
        if total > 1 and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn(noun),
                MofNCompleteColumn(),
                BarColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> "CountProgress":
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
            line = f"{self._noun} {self._done}/{self._total}  {as_time(left)} left"
            print(line, file=sys.stderr, flush=True)
