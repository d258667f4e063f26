"""Rows of metrics of every method for every hole of a manifest."""

import base64
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import deepfill_tf
from deepfill_tf.errors import UserError, reason
from deepfill_tf.evaluation.border_distance import (
    absolute_error_by_distance,
    distance_intervals,
    pixels_by_distance,
)
from deepfill_tf.evaluation.features import FeatureNetwork, load_feature_network
from deepfill_tf.evaluation.lpips import LPIPS, LPIPS_FILES, find_lpips
from deepfill_tf.evaluation.manifest import file_hash
from deepfill_tf.evaluation.methods import Batch, MethodGroup, hole_names
from deepfill_tf.evaluation.metrics import OF_PREDICTION, image_metrics
from deepfill_tf.evaluation.row_cache import Row, RowCache
from deepfill_tf.evaluation.samples import Samples

# The originals, whose features are compared with those of each method.
ORIGINAL = "original"


@dataclass(frozen=True)
class Networks:
    """Networks that some metrics need.

    Attributes:
      lpips: by row.
      features: of the distances of sets of images, or None.
      identity: equal for equal weights.
    """

    lpips: Mapping[str, LPIPS] = field(default_factory=dict)
    features: FeatureNetwork | None = None
    identity: str = ""

    @classmethod
    def load(cls, lpips: str | None, features: str | None) -> "Networks":
        """Loads a folder of weights of LPIPS, and a file or directory of features, if given.

        Raises UserError if they cannot be read.
        """
        distances = find_lpips(lpips)
        network = load_feature_network(features) if features else None
        hashes = [file_hash(os.path.join(lpips or "", LPIPS_FILES[row])) for row in distances]
        return cls(distances, network, " ".join([*hashes, network.sha256 if network else ""]))


@dataclass(frozen=True)
class OriginalGroup:
    """The originals as a method: complete ones."""

    names = (ORIGINAL,)
    identity = ORIGINAL
    predicting = ()

    def predict(self, batch: Batch) -> Mapping[str, np.ndarray]:
        return {ORIGINAL: batch.images}


def compute_rows(
    samples: Samples,
    groups: Sequence[MethodGroup],
    networks: Networks,
    cache: Path,
    on_progress: Callable[[], None] = lambda: None,
) -> dict[str, list[Row]]:
    """Returns method -> a row for each hole of the manifest, in its order.

    Rows that the cache has are not computed again. With a network of features, there are rows of
    the originals too.

    Args:
      samples: images and holes.
      groups: the methods.
      networks: of the metrics.
      cache: folder of the rows, see `row_cache`.
      on_progress: called once for each hole that is done.
    """
    names = hole_names(samples.manifest)
    if networks.features is not None:
        groups = [*groups, OriginalGroup()]
    setting = f"{deepfill_tf.__version__} {samples.channels} {networks.identity}"
    caches = [
        RowCache(cache, samples.manifest.sha256, group.names[0], f"{setting} {group.identity}")
        for group in groups
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for positions in samples.batches():
            missing = [
                (group, rows)
                for group, rows in zip(groups, caches, strict=True)
                if any(names[i] not in rows for i in positions)
            ]
            if missing:
                batch = samples.read(positions)
                for group, rows in missing:
                    rows.add(_rows(batch, group, networks, pool))
            for _ in positions:
                on_progress()
    result: dict[str, list[Row]] = {}
    for group, rows in zip(groups, caches, strict=True):
        rows.close()
        for method in group.names:
            result[method] = [rows[name][method] for name in names]
    return result


def _rows(
    batch: Batch, group: MethodGroup, networks: Networks, pool: ThreadPoolExecutor
) -> dict[str, dict[str, Row]]:
    """Rows of a batch by hole and method."""
    result: dict[str, dict[str, Row]] = {name: {} for name in batch.names}
    for method, predicted in group.predict(batch).items():
        completed = batch.composite(predicted)
        is_predicting = method in group.predicting
        rows = pool.map(
            functools.partial(_row, networks),
            batch.images,
            completed,
            batch.masks,
            list(predicted) if is_predicting else [None] * len(completed),
            _features(networks.features, completed),
        )
        for name, row in zip(batch.names, rows, strict=True):
            result[name][method] = row
    return result


def _features(network: FeatureNetwork | None, images: np.ndarray) -> list[str | None]:
    if network is None:
        return [None] * len(images)
    images = np.repeat(images, 3 // images.shape[-1], axis=-1)
    try:
        features = network.features(images)
    except Exception as error:
        height, width = images.shape[1:3]
        raise UserError(
            f"{network.name} fails on images of {width} x {height}: {reason(error)}"
        ) from error
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in features]


def _row(
    networks: Networks,
    image: np.ndarray,
    completed: np.ndarray,
    hole: np.ndarray,
    prediction: np.ndarray | None,
    features: str | None,
) -> Row:
    if prediction is not None and np.array_equal(prediction, completed):
        prediction = None
    inside = hole[..., 0]
    metrics = image_metrics(image, completed, hole.astype(np.uint8) * 255, prediction)
    for distance in networks.lpips.values():
        metrics |= distance(image, completed, inside)
        if prediction is not None:
            of_prediction = distance(image, prediction)
            metrics |= {name + OF_PREDICTION: value for name, value in of_prediction.items()}
    intervals = distance_intervals(inside)
    errors = absolute_error_by_distance(completed, image, intervals)
    return Row(metrics, errors.tolist(), pixels_by_distance(intervals).tolist(), features)
