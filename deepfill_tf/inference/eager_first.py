"""Functions that are computed eagerly at first: tracing pays from the second call on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

# Pixels of a batch. Eager operations do not reuse their inputs' memory, and the larger the images
# the less tracing weighs.
MAX_PIXELS = 2**20


class CallHistory:
    """The calls of an `EagerFirst` so far, from which follows which call will trace.

    Attributes:
      is_empty: whether there was none.
    """

    def __init__(self) -> None:
        self.is_empty, self._is_traced = True, False

    def add(self, pixels: int) -> bool:
        """Adds a call with a batch of so many pixels; returns whether it traces."""
        traces = not self._is_traced and (not self.is_empty or pixels > MAX_PIXELS)
        self.is_empty, self._is_traced = False, self._is_traced or traces
        return traces


class EagerFirst:
    """A `tf.function` whose first call runs its operations one by one, without tracing them.

    The results agree to the rounding. A process that completes one image does not wait for a
    program that is used once.

    Args:
      function: of keyword arguments, tensors; among them `image`, `[N, H, W, C]`. A first call
        with more than `MAX_PIXELS` pixels is traced.
    """

    def __init__(self, function: tf.function):
        self._function = function
        self._is_first = True

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        is_first, self._is_first = self._is_first, False
        batch, height, width, _ = inputs["image"].shape
        if is_first and batch * height * width <= MAX_PIXELS:
            compute: Callable[..., dict] = self._function.python_function
            return compute(**inputs)
        return self._function(**inputs)
