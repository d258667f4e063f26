"""Loops and branches of graphs: not every runtime knows them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import tensorflow as tf

from deepfill_tf.scoped_value import ScopedValue

_unrolled = ScopedValue("unrolled", False)
_branches = ScopedValue("branches", True)


def unrolled_loops() -> AbstractContextManager[None]:
    """Graphs that are traced inside repeat the searches for details for each of their blocks.

    The image's size must be known. The loop of the attention is avoided by
    `fast_attention.blocks_of`.

    Example:
      >>> with unrolled_loops():
      ...     unrolls_loops()
      True
      >>> unrolls_loops()
      False
    """
    return _unrolled.set_to(True)


def unrolls_loops() -> bool:
    """Whether searches are repeated instead of looped over."""
    return _unrolled.get()


def without_branches() -> AbstractContextManager[None]:
    """Graphs that are traced inside have no branches: `computed_if` always computes."""
    return _branches.set_to(False)


def computed_if(
    needed: tf.Tensor,
    compute: Callable[[], tf.Tensor],
    otherwise: Callable[[], tf.Tensor],
) -> tf.Tensor:
    """Returns `compute()` if it is needed, else `otherwise()`.

    Inside `without_branches` it always returns `compute()`, which must be right there too.

    Args:
      needed: a bool scalar.
      compute: makes the result.
      otherwise: makes one of the same type, and shape where it is returned, in less time.

    Example:
      >>> one, two = (lambda: tf.constant(1.0)), (lambda: tf.constant(2.0))
      >>> float(computed_if(tf.constant(False), one, two))
      2.0
      >>> with without_branches():
      ...     float(computed_if(tf.constant(False), one, two))
      1.0
    """
    return tf.cond(needed, compute, otherwise) if _branches.get() else compute()
