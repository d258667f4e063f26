"""Time and memory of a completion, before it starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Forecast:
    """Time and memory of a completion.

    Attributes:
      seconds: that the completion takes, without reading and writing files.
      memory: bytes of memory that the process has at most.
    """

    seconds: float
    memory: float

    def __str__(self) -> str:
        return f"{as_time(self.seconds)} and {as_gigabytes(self.memory)}"


def as_time(seconds: float) -> str:
    """Returns a duration as text, such as "40 s", "12 min" or "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def as_gigabytes(count: float) -> str:
    """Returns bytes as text, such as "1.5 GB"."""
    return f"{count / 1e9:.1f} GB"
