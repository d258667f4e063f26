"""What a benchmark is made of.

A comparison has variants that compute the same thing, the first of which is what the others
are compared with; a variant makes a subject, which runs once and says how long that took.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Settings:
    """width: of the generators, None for each paper's own.

    source: of the photographs, see `list_images`. photographs: paths of the first of them.
    """

    width: int | None
    source: str
    photographs: tuple[str, ...]


@dataclass
class Subject:
    """What a variant made.

    seconds: runs once and gives how long it took.
    complete: image, mask -> completed, all uint8, where the subject completes images.
    gflop: 10^9 multiplications and additions in the convolutions of a run, if all are made.
    stages: seconds of a run's parts, gathered run by run.
    """

    seconds: Callable[[], float]
    complete: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    gflop: float | None = None
    stages: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """without_attention: name of the variant that leaves this one's attention out."""

    name: str
    make: Callable[[], Subject]
    without_attention: str | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Variants of one computation, the first being the reference.

    Attributes:
      what: the computation, in words.
      variants: in the order of the table.
      most_rounds: rounds beyond this are left out.
      single: each variant runs once only, in a process of its own.
      memory: whether a run's peak memory says something.
      closeness: subjects by their variants' names -> decibel by name, where it is known.
    """

    what: str
    variants: tuple[Variant, ...]
    most_rounds: int | None = None
    single: bool = False
    memory: bool = True
    closeness: Callable[[Mapping[str, Subject]], dict[str, float]] = lambda _: {}
