"""Comparisons relative to what is compared, as the reference's tolerances are given."""

import numpy as np


def assert_close(actual, expected, *, tolerance: float, what: str = "") -> None:
    """Differences within `tolerance` of the largest expected entry; shapes must agree."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    assert np.isfinite(actual).all(), f"{what}: not finite"
    scale = max(np.abs(expected).max(initial=0), np.finfo(np.float32).tiny)
    difference = np.abs(actual - expected).max(initial=0) / scale
    assert difference <= tolerance, f"{what}: relative difference {difference:.3g} > {tolerance}"
