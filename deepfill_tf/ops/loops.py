"""Loops of a graph, or none, for runtimes that do not know loops."""

import contextlib
import contextvars
from collections.abc import Iterator

_unrolled = contextvars.ContextVar("unrolled", default=False)


@contextlib.contextmanager
def unrolled_loops() -> Iterator[None]:
    """Graphs that are traced inside repeat operations instead of looping over them.

    Example:
      >>> with unrolled_loops():
      ...     unrolls_loops()
      True
      >>> unrolls_loops()
      False
    """
    before = _unrolled.set(True)
    try:
        yield
    finally:
        _unrolled.reset(before)


def unrolls_loops() -> bool:
    """Whether operations are to be repeated instead of looped over.

    Example:
      >>> unrolls_loops()
      False
    """
    return _unrolled.get()
