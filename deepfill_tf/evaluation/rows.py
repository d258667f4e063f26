"""Rows of metrics of every method for every hole of a manifest."""

import base64
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
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
from deepfill_tf.evaluation.completion_metrics import completion_metrics
from deepfill_tf.evaluation.distances import INCEPTION_DISTANCES, OTHER_DISTANCES
from deepfill_tf.evaluation.features import FeatureNetwork, load_feature_network
from deepfill_tf.evaluation.lpips import LPIPS, LPIPS_FILES, find_lpips
from deepfill_tf.evaluation.manifest import file_hash
from deepfill_tf.evaluation.methods import Batch, MethodGroup, hole_names
from deepfill_tf.evaluation.row_cache import Row, RowCache
from deepfill_tf.evaluation.samples import Samples
from deepfill_tf.evaluation.settings import Part

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

    def lacks(self, metric: str) -> str | None:
        """Returns the flag of what a metric needs and these networks are not; None if nothing."""
        for row in LPIPS_FILES:
            if metric.startswith(row) and row not in self.lpips:
                return f"--lpips_weights with {LPIPS_FILES[row]}"
        is_inception = None if self.features is None else self.features.is_inception
        if metric in INCEPTION_DISTANCES and is_inception is not True:
            return "--fid_weights with the weights of FID's InceptionV3"
        if metric in OTHER_DISTANCES and is_inception is not False:
            return "--fid_weights with another network"
        return None

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
    part: Part | None = None,
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
      part: computes this part of the rows only, for the cache, and returns none.
    """
    names = hole_names(samples.manifest)
    index, count = (part.index, part.count) if part else (1, 1)
    if networks.features is not None:
        groups = [*groups, OriginalGroup()]
    setting = f"{deepfill_tf.__version__} {samples.channels} {networks.identity}"
    caches = [
        RowCache(
            cache,
            samples.manifest.sha256,
            group.names[0],
            f"{setting} {group.identity}",
            f"{index}of{count}" if part else None,
        )
        for group in groups
    ]
    for positions in itertools.islice(samples.batches(), index - 1, None, count):
        missing = [
            (group, rows)
            for group, rows in zip(groups, caches, strict=True)
            if any(names[i] not in rows for i in positions)
        ]
        if missing:
            batch = samples.read(positions)
            for group, rows in missing:
                rows.add(_rows(batch, group, networks))
        for _ in positions:
            on_progress()
    result: dict[str, list[Row]] = {}
    for group, rows in zip(groups, caches, strict=True):
        rows.close()
        for method in group.names if part is None else ():
            result[method] = [rows[name][method] for name in names]
    return result


def _rows(batch: Batch, group: MethodGroup, networks: Networks) -> dict[str, dict[str, Row]]:
    """Rows of a batch by hole and method."""
    result: dict[str, dict[str, Row]] = {name: {} for name in batch.names}
    for method, predicted in group.predict(batch).items():
        completed = batch.composite(predicted)
        metrics = completion_metrics(
            batch.images,
            predicted,
            batch.masks,
            networks.lpips.values(),
            of_prediction=method in group.predicting,
        )
        features = _features(networks.features, completed)
        for i, name in enumerate(batch.names):
            intervals = distance_intervals(batch.masks[i, ..., 0])
            errors = absolute_error_by_distance(completed[i], batch.images[i], intervals)
            pixels = pixels_by_distance(intervals)
            result[name][method] = Row(metrics[i], errors.tolist(), pixels.tolist(), features[i])
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
