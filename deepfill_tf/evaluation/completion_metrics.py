"""Metrics of a batch of completed images, computed in parallel."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from deepfill_tf.evaluation.lpips import LPIPS
from deepfill_tf.evaluation.metrics import OF_PREDICTION, image_metrics


def completion_metrics(
    images: np.ndarray,
    predicted: np.ndarray,
    masks: np.ndarray,
    lpips: Iterable[LPIPS] = (),
    *,
    of_prediction: bool = True,
) -> list[dict[str, float]]:
    """Returns the metrics of each image, see `image_metrics`, and LPIPS; `pool_rows` pools them.

    Args:
      images: the originals, uint8 `[N, H, W, C]`.
      predicted: of the whole images, uint8 `[N, H, W, C]`; the completed ones have its holes.
      masks: bool `[N, H, W, 1]`, True in the hole.
      lpips: networks of LPIPS.
      of_prediction: whether the known pixels of `predicted` are a prediction too, which has
        metrics of its own.

    Example:

    >>> import numpy as np
    >>> images = np.full([2, 16, 16, 3], 100, np.uint8)
    >>> masks = np.zeros([2, 16, 16, 1], bool)
    >>> masks[:, 4:12, 4:12] = True
    >>> first, second = completion_metrics(images, images + np.uint8(10), masks)
    >>> first["l1_in_hole"], first["l1"], first["l1_of_prediction"]
    (10.0, 2.5, 10.0)
    """

    def metrics(image: np.ndarray, prediction: np.ndarray, inside: np.ndarray) -> dict[str, float]:
        completed = np.where(inside, prediction, image)
        is_other = of_prediction and not np.array_equal(prediction, completed)
        hole = inside.astype(np.uint8) * 255
        row = image_metrics(image, completed, hole, prediction if is_other else None)
        for distance in lpips:
            row |= distance(image, completed, inside[..., 0])
            if is_other:
                whole = distance(image, prediction)
                row |= {name + OF_PREDICTION: value for name, value in whole.items()}
        return row

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(metrics, images, predicted, masks))
