"""Whether the search for details is a loop in a graph: not every runtime knows loops."""

import contextlib
import contextvars
from collections.abc import Iterator

_unrolled = contextvars.ContextVar("unrolled", default=False)


@contextlib.contextmanager
def unrolled_loops() -> Iterator[None]:
    """Graphs that are traced inside repeat the search for each block of an image of known size.

    The loop of the attention is avoided by `fast_attention.blocks_of`.

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
    """Whether searches are repeated instead of looped over.

    Example:
      >>> unrolls_loops()
      False
    """
    return _unrolled.get()
