"""Evaluation: metrics of completed images, protocols of holes, manifests, and a baseline."""

from deepfill_tf.evaluation.completion_metrics import completion_metrics
from deepfill_tf.evaluation.distances import SKLEARN_HINT, distances
from deepfill_tf.evaluation.features import FID_HINT, FeatureNetwork, load_feature_network
from deepfill_tf.evaluation.lpips import LPIPS, LPIPS_HINT, find_lpips
from deepfill_tf.evaluation.manifest import Entry, Manifest
from deepfill_tf.evaluation.mean_fill import mean_fill
from deepfill_tf.evaluation.metrics import IMAGE_METRICS, METRICS, Metric, image_metrics
from deepfill_tf.evaluation.pooled import columns, pool, pool_rows
from deepfill_tf.evaluation.protocols import PROTOCOLS, Protocol, hole

__all__ = [
    "FID_HINT",
    "IMAGE_METRICS",
    "LPIPS",
    "LPIPS_HINT",
    "METRICS",
    "PROTOCOLS",
    "SKLEARN_HINT",
    "Entry",
    "FeatureNetwork",
    "Manifest",
    "Metric",
    "Protocol",
    "columns",
    "completion_metrics",
    "distances",
    "find_lpips",
    "hole",
    "image_metrics",
    "load_feature_network",
    "mean_fill",
    "pool",
    "pool_rows",
]
