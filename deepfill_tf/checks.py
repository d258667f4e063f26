"""Checks of arguments: each returns the value, or raises ValueError that quotes it."""

import math
from collections.abc import Collection
from typing import TypeVar

T = TypeVar("T")


def check_positive_int(name: str, value: int) -> int:
    """Returns `value` if it is an integer >= 1."""
    return check_int(name, value, 1)


def check_int(name: str, value: int, low: int, multiple: int = 1) -> int:
    """Returns `value` if it is a multiple of `multiple` that is >= `low`."""
    if not _is_int(value) or value < low or value % multiple:
        kind = "a positive integer" if (low, multiple) == (1, 1) else f"an integer >= {low}"
        if multiple > 1:
            kind = f"a multiple of {multiple} that is >= {low}"
        raise ValueError(f"{name} must be {kind}, got {value!r}")
    return value


def check_at_least(name: str, value: float, low: float = 0) -> float:
    """Returns `value` if it is a number >= `low`."""
    if not _is_number(value) or not value >= low:
        raise ValueError(f"{name} must be {_kind(value)}>= {low}, got {value!r}")
    return value


def check_positive(name: str, value: float) -> float:
    """Returns `value` if it is a finite number > 0."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be {_kind(value)}> 0, got {value!r}")
    return value


def check_in_range(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = True,
) -> float:
    """Returns `value` if it lies between `low` and `high`; an open end is not allowed itself."""
    inside = _is_number(value) and low <= value <= high
    if not inside or (low_open and value == low) or (high_open and value == high):
        interval = f"{'(' if low_open else '['}{low}, {high}{')' if high_open else ']'}"
        raise ValueError(f"{name} must be {_kind(value)}in {interval}, got {value!r}")
    return value


def check_bool(name: str, value: bool) -> bool:
    """Returns `value` if it is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def check_choice(name: str, value: T, choices: Collection[T]) -> T:
    """Returns `value` if it is one of `choices`."""
    if value not in list(choices):
        raise ValueError(f"{name} must be one of {sorted(map(str, choices))}, got {value!r}")
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: object) -> str:
    return "" if _is_number(value) else "a number "
