"""Sketches from a classical edge detector, which needs no weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deepfill_tf.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class CannySketches:
    """Canny's edges (1986) of the blurred image, as thin lines of full strength.

    At each pixel the gradient is that of the channel where it is strongest.

    Attributes:
      blur: standard deviation of the Gaussian blur, in pixels; 0 for none.
      low_threshold, high_threshold: thresholds of the gradient, 0 <= low <= high. Lines begin
        above the high one and continue above the low one; higher thresholds leave only the main
        contours.
    """

    blur: float = 1.0
    low_threshold: float = 80.0
    high_threshold: float = 180.0

    def __post_init__(self):
        check_at_least("CannySketches.blur", self.blur)
        check_at_least("CannySketches.low_threshold", self.low_threshold)
        check_at_least("CannySketches.high_threshold", self.high_threshold, self.low_threshold)

    def check(self, paths: Sequence[str]) -> None:
        """Raises nothing: every image that can be read has a sketch."""

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """See `SketchSource`; the strength is 0 or 255."""
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        thresholds = self.low_threshold, self.high_threshold
        return cv2.Canny(image, *thresholds, L2gradient=True)[..., None]
