"""Values that hold inside a `with` statement, such as how the graphs are made that it traces."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class ScopedValue(Generic[T]):
    """A value that `set_to` changes inside a `with` statement, for this thread.

    Args:
      name: for debuggers.
      default: the value outside.

    Example:
      >>> depth = ScopedValue("depth", 0)
      >>> with depth.set_to(1):
      ...     depth.get()
      1
      >>> depth.get()
      0
    """

    def __init__(self, name: str, default: T):
        self._variable = contextvars.ContextVar(name, default=default)

    def get(self) -> T:
        """The value here."""
        return self._variable.get()

    @contextlib.contextmanager
    def set_to(self, value: T) -> Iterator[None]:
        """Changes the value inside the `with` statement."""
        before = self._variable.set(value)
        try:
            yield
        finally:
            self._variable.reset(before)
