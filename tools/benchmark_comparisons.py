"""Comparisons, variants and subjects, of which a benchmark consists.

A comparison has variants of one computation; the others are compared with the first. A variant
makes a subject, which runs the computation and returns the seconds that it took.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Subject:
    """A computation that can be timed.

    Attributes:
      seconds: runs it once and returns the seconds that it took.
      complete: (image, mask) -> completed image, all uint8, if the subject completes images.
      gflop: 10^9 multiplications and additions of the convolutions of a run, if known.
      stages: stage of a run -> its seconds in every run so far.
    """

    seconds: Callable[[], float]
    complete: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    gflop: float | None = None
    stages: dict[str, list[float]] = field(default_factory=dict)


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
      variants: in the order of the table; the others are compared with the first.
      single: True if each variant runs only once, in a process of its own.
      memory: True if the peak memory of a run is of interest.
      psnr_in_hole: subjects by variant -> PSNR in decibel by variant, where it is known.
    """

    what: str
    variants: tuple[Variant, ...]
    single: bool = False
    memory: bool = True
    psnr_in_hole: Callable[[Mapping[str, Subject]], dict[str, float]] = lambda _: {}
