"""Comparisons, variants and subjects, of which a benchmark consists.

A comparison has variants of one computation. Each variant makes a subject in a process of its
own; the subject runs the computation and measures it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

# Measure -> number, see `processes`; "seconds" is always there.
Measures = dict[str, float]


@dataclass
class Subject:
    """A computation that can be measured.

    Attributes:
      measure: runs it once.
      gflop: 10^9 multiplications and additions of the convolutions of a run, if known.
      close: called after the last run.
    """

    measure: Callable[[], Measures]
    gflop: float | None = None
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Variant:
    """A variant of a computation.

    Attributes:
      name: in the table.
      make: builds the subject.
      without_attention: name of the same variant without attention.
    """

    name: str
    make: Callable[[], Subject]
    without_attention: str | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Variants of one computation.

    Attributes:
      what: description of the computation.
      variants: in the order of the table.
      parameters: describe the computation to the process that runs it, in JSON.
      single: True if each variant runs only once.
      psnr_in_hole: -> PSNR in decibel by variant, which takes some seconds.
    """

    what: str
    variants: tuple[Variant, ...]
    parameters: dict
    single: bool = False
    psnr_in_hole: Callable[[], dict[str, float]] = field(default=dict)
