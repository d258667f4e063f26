"""Metrics of one completed image, in gray levels of 0 to 255; docs/evaluation.md defines each.

A name without a suffix is of the completed image, `_in_hole` of its hole alone, `_of_prediction`
of the network's whole output before compositing. `pooled.pool` makes one row of many.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepfill_tf.evaluation.seam import seam_jumps
from deepfill_tf.evaluation.similarity import EDGE, WINDOW, similarities

IN_HOLE, OF_PREDICTION = "_in_hole", "_of_prediction"


@dataclass(frozen=True)
class Metric:
    """What a reader must know of a metric.

    Attributes:
      title: heading of a column, with the unit.
      better: "lower", "higher", or "" where neither is better by itself.
      digits: decimals that are worth printing.
    """

    title: str
    better: str
    digits: int = 2


def _variants(name: str, metric: Metric) -> dict[str, Metric]:
    return {
        name: metric,
        name + IN_HOLE: Metric(f"{metric.title}, hole", metric.better, metric.digits),
        name + OF_PREDICTION: Metric(f"{metric.title}, prediction", metric.better, metric.digits),
    }


# What `image_metrics` and `lpips.LPIPS` return.
IMAGE_METRICS: Mapping[str, Metric] = {
    **_variants("l1", Metric("L1 (0-255)", "lower")),
    **_variants("l1_percent", Metric("L1 (% of range)", "lower")),
    **_variants("l2", Metric("L2 (0-255, squared)", "lower", 1)),
    **_variants("rmse", Metric("RMSE (0-255)", "lower")),
    **_variants("rmse_percent", Metric("RMSE (% of range)", "lower")),
    **_variants("psnr", Metric("PSNR (dB)", "higher")),
    **_variants("ssim", Metric("SSIM", "higher", 4)),
    "ms_ssim": Metric("MS-SSIM", "higher", 4),
    "ms_ssim_of_prediction": Metric("MS-SSIM, prediction", "higher", 4),
    **_variants("lpips_alex", Metric("LPIPS AlexNet", "lower", 4)),
    **_variants("lpips_vgg", Metric("LPIPS VGG", "lower", 4)),
    **_variants("tv", Metric("TV (% of range)", "")),
    "tv_of_original": Metric("TV of the original (% of range)", ""),
    "seam": Metric("Seam (0-255)", "lower"),
    "seam_jump": Metric("Jump at the seam (0-255)", ""),
    "seam_jump_of_original": Metric("Jump at the seam of the original (0-255)", ""),
    "paper_l1": Metric("L1 as in the papers (%)", "lower"),
    "paper_l2": Metric("L2 as in the papers (%)", "lower"),
    "paper_psnr": Metric("PSNR as in the papers (dB)", "higher"),
    "paper_tv": Metric("TV as in the papers (%)", ""),
}
# What `pooled.pool` and `distances.distances` add for many images.
SET_METRICS: Mapping[str, Metric] = {
    **_variants("psnr_mean_of_images", Metric("PSNR (dB), mean of images", "higher")),
    **_variants("exact_images", Metric("Exact images", "", 0)),
    "seam_ratio": Metric("Seam (jump / original's)", ""),
    "fid": Metric("FID", "lower"),
    "kid": Metric("KID", "lower", 5),
    "p_ids": Metric("P-IDS", "higher", 4),
    "u_ids": Metric("U-IDS", "higher", 4),
    "frechet_distance": Metric("Frechet distance (not FID)", "lower"),
    "kernel_distance": Metric("Kernel distance (not KID)", "lower", 5),
    "paired_discrimination": Metric("Paired discrimination (not P-IDS)", "higher", 4),
    "unpaired_discrimination": Metric("Unpaired discrimination (not U-IDS)", "higher", 4),
}
METRICS: Mapping[str, Metric] = {**IMAGE_METRICS, **SET_METRICS}


def image_metrics(
    image: np.ndarray,
    completed: np.ndarray,
    hole: np.ndarray,
    prediction: np.ndarray | None = None,
) -> dict[str, float]:
    """Returns the metrics of `IMAGE_METRICS` of one image, and `pixels` and `hole_pixels`.

    A metric that is not defined is left out: those of the hole where there is none, SSIM of
    images below 11 pixels a side and MS-SSIM below 176, those of the prediction without one.
    The PSNR of an exact copy is infinite.

    Args:
      image: the original, uint8 `[H, W, C]`.
      completed: uint8 `[H, W, C]`.
      hole: uint8 `[H, W, 1]` or `[H, W]`; above 127 is the hole.
      prediction: output of the network before compositing, uint8 `[H, W, C]`, if it differs.

    Raises ValueError if shapes or types do not match.
    """
    inside = checked_hole(image, completed, hole)
    row = {"pixels": float(inside.size), "hole_pixels": float(inside.sum())}
    row |= _errors(image, completed, "", inside)
    if prediction is not None:
        checked_hole(image, prediction, hole)
        row |= _errors(image, prediction, OF_PREDICTION)
    row["tv_of_original"] = _variation(image)
    if inside.any() and not inside.all():
        own, made = seam_jumps(image, inside), seam_jumps(completed, inside)
        row |= {"seam": abs(made - own), "seam_jump": made, "seam_jump_of_original": own}
    row["paper_l1"] = row["l1_percent"]
    row["paper_l2"] = 100 * row["l2"] / 255**2
    row["paper_psnr"] = row["psnr"]
    row["paper_tv"] = row["tv"]
    return row


def checked_hole(image: np.ndarray, completed: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns bool `[H, W]`, True in the hole. Raises ValueError as `image_metrics` does."""
    for name, value in (("image", image), ("completed", completed), ("hole", hole)):
        if value.dtype != np.uint8:
            raise ValueError(f"{name} must be uint8, got {value.dtype}")
    if image.ndim != 3 or completed.shape != image.shape:
        raise ValueError(
            f"image and completed must both be [H, W, C], got {image.shape} and {completed.shape}"
        )
    if hole.shape not in (image.shape[:2], (*image.shape[:2], 1)):
        raise ValueError(f"hole must be {(*image.shape[:2], 1)}, got {hole.shape}")
    return hole.reshape(image.shape[:2]) > 127


def _errors(
    image: np.ndarray, completed: np.ndarray, suffix: str, inside: np.ndarray | None = None
) -> dict[str, float]:
    """Errors of the whole image, and of the hole where `inside` is given."""
    difference = image.astype(np.int32) - completed
    row = {f"{name}{suffix}": v for name, v in _levels(difference).items()}
    row[f"tv{suffix}"] = _variation(completed)
    similarity = None
    if min(image.shape[:2]) >= WINDOW:
        similarity, multiscale = similarities(image, completed)
        row[f"ssim{suffix}"] = float(similarity.mean())
        if multiscale is not None:
            row[f"ms_ssim{suffix}"] = multiscale
    if inside is None or not inside.any():
        return row
    row |= {f"{name}{IN_HOLE}": v for name, v in _levels(difference[inside]).items()}
    row[f"tv{IN_HOLE}"] = _variation(completed, inside)
    if similarity is not None:
        windows = similarity[inside[EDGE:-EDGE, EDGE:-EDGE]]
        row |= {f"ssim{IN_HOLE}": float(windows.mean())} if windows.size else {}
    return row


def _levels(difference: np.ndarray) -> dict[str, float]:
    """L1, L2 and what follows from them, of int32 differences of gray levels."""
    l1, l2 = float(np.abs(difference).mean()), float(np.square(difference).mean())
    rmse = l2**0.5
    return {
        "l1": l1,
        "l1_percent": l1 / 2.55,
        "l2": l2,
        "rmse": rmse,
        "rmse_percent": rmse / 2.55,
        "psnr": psnr(l2),
    }


def psnr(l2: float) -> float:
    """Returns the PSNR, in decibels, of a mean squared error of gray levels; infinite for 0."""
    return float(10 * np.log10(255**2 / l2)) if l2 else float("inf")


def _variation(image: np.ndarray, inside: np.ndarray | None = None) -> float:
    """Total variation divided by H * W * C, in per cent of the range.

    With `inside`, bool `[H, W]`: of pairs of neighbours with a pixel in the hole, divided by
    the pixels of the hole times C.
    """
    total = 0
    for axis in (0, 1):
        steps = np.abs(np.diff(image.astype(np.int32), axis=axis))
        if inside is not None:
            first = np.delete(inside, -1, axis=axis)
            second = np.delete(inside, 0, axis=axis)
            steps = steps[first | second]
        total += int(steps.sum())
    pixels = image.shape[0] * image.shape[1] if inside is None else int(inside.sum())
    return total / (pixels * image.shape[2]) / 2.55
