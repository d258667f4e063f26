"""Bootstrap intervals of pooled metrics (Efron, 1979).

Each of 1000 resamples draws as many images as there are, with replacement, an image with all of
its holes. The interval of a value is that from the 2.5th to the 97.5th percentile of its values
in the resamples. All methods see the same resamples, so that differences are paired.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
# Values of a column that are resampled at once: bounds the memory.
_CHUNK = 200_000
# Column name -> array `[..., N]` to name -> array `[...]`.
Pool = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; `low` and `high` are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


class Resamples:
    """Resamples of holes, by their images.

    Args:
      images: of each hole.
      seed: equal seeds give equal resamples.

    Example:

    >>> import numpy as np
    >>> resamples = Resamples(["a", "b", "c", "d"])
    >>> means = resamples.pooled(
    ...     {"l1": np.array([1.0, 2.0, 3.0, 6.0])}, lambda t: {"l1": t["l1"].mean(-1)}
    ... )
    >>> means["l1"].shape, estimate(means["l1"]).value
    ((1001,), 3.0)
    """

    def __init__(self, images: Sequence[str], seed: int = 0):
        holes: dict[str, list[int]] = {}
        for position, image in enumerate(images):
            holes.setdefault(image, []).append(position)
        groups = [np.array(positions) for positions in holes.values()]
        draws = np.random.default_rng(seed).integers(len(groups), size=[RESAMPLES, len(groups)])
        self._resamples = [np.concatenate([groups[i] for i in draw]) for draw in draws]
        self._whole = np.arange(len(images))
        # Images that have different numbers of holes give resamples of different lengths.
        self._is_even = len({len(group) for group in groups}) == 1

    def pooled(self, table: Mapping[str, np.ndarray], pool: Pool) -> dict[str, np.ndarray]:
        """Returns the pooled values of the holes themselves, then of each resample.

        Args:
          table: name -> values of the holes, `[N]`.
          pool: pools the last axis; leaves out what it cannot pool.

        Returns:
          Name -> `[1 + RESAMPLES]`, NaN where a resample has no value.
        """
        itself = pool(table)
        result = {name: np.full(1 + RESAMPLES, np.nan) for name in itself}
        for name, value in itself.items():
            result[name][0] = value
        step = max(1, _CHUNK // len(self._whole)) if self._is_even else 1
        for start in range(0, RESAMPLES, step):
            chosen = np.stack(self._resamples[start : start + step])
            pooled = pool({name: values[chosen] for name, values in table.items()})
            for name in pooled.keys() & result.keys():
                result[name][1 + start : 1 + start + len(chosen)] = pooled[name]
        return result


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns first - second; NaN where both are infinite, as the PSNR of exact copies is."""
    with np.errstate(invalid="ignore"):
        return first - second


def estimate(values: np.ndarray) -> Estimate:
    """Returns the first value with the interval of the others.

    Args:
      values: `[1 + RESAMPLES]`. NaN and infinite ones are left out of the interval; there is no
        interval if the rest are all equal, as those of a single image are.
    """
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if drawn.size == 0 or drawn.min() == drawn.max():
        return Estimate(value)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
