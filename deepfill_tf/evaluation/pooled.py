"""One row of numbers for many images, from the rows of `metrics.image_metrics`."""

from collections.abc import Mapping, Sequence

import numpy as np

from deepfill_tf.evaluation.metrics import IN_HOLE, OF_PREDICTION

_COUNTS = {"": "pixels", IN_HOLE: "hole_pixels", OF_PREDICTION: "pixels"}


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Returns rows as one array `[N]` for each name, NaN where a row lacks it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def pool(table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns each column pooled over the last axis; what has no value at all is left out.

    A value is the mean over the images that have it, each image counting once, except:

    - `psnr`, `psnr_in_hole`, `psnr_of_prediction`: PSNR of the mean squared error over all
      pixels of all images. Beside each, `psnr_mean_of_images...` is the mean over the images
      that are not exact copies, and `exact_images...` the number of those that are. `paper_psnr` is
      a mean of that kind.
    - `seam_ratio`: mean jump at the seams divided by that of the originals.
    - `pixels`, `hole_pixels`: sums.

    Args:
      table: result of `columns`, or resampled images of it: arrays `[..., N]`.
    """
    pooled = {name: _mean(column) for name, column in table.items()}
    for suffix, count in _COUNTS.items():
        name = f"psnr{suffix}"
        if name not in table:
            continue
        weights = np.where(np.isnan(table[f"l2{suffix}"]), 0, table[count])
        squares = np.nan_to_num(table[f"l2{suffix}"]) * weights
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled[name] = 10 * np.log10(255**2 / (squares.sum(-1) / weights.sum(-1)))
        exact = np.isposinf(table[name])
        pooled[f"psnr_mean_of_images{suffix}"] = _mean(np.where(exact, np.nan, table[name]))
        pooled[f"exact_images{suffix}"] = exact.sum(-1)
    if "paper_psnr" in table:
        pooled["paper_psnr"] = pooled["psnr_mean_of_images"]
    if "seam_jump" in table:
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled["seam_ratio"] = pooled["seam_jump"] / pooled["seam_jump_of_original"]
    for name in _COUNTS.values():
        if name in table:
            pooled[name] = table[name].sum(-1)
    return {name: value for name, value in pooled.items() if not np.all(np.isnan(value))}


def pool_rows(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns `pool` of rows, as numbers."""
    return {name: float(value) for name, value in pool(columns(rows)).items()}


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where there is nothing else."""
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(present, values, 0).sum(-1) / present.sum(-1)
