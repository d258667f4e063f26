"""Evaluation: metrics of completed images, protocols of holes, manifests, and a baseline."""

from deepfill_tf.evaluation.completion_metrics import completion_metrics
from deepfill_tf.evaluation.manifest import Entry, Manifest
from deepfill_tf.evaluation.mean_fill import mean_fill
from deepfill_tf.evaluation.metrics import IMAGE_METRICS, Metric, image_metrics
from deepfill_tf.evaluation.pooled import columns, pool, pool_rows
from deepfill_tf.evaluation.protocols import PROTOCOLS, Protocol, hole

__all__ = [
    "IMAGE_METRICS",
    "PROTOCOLS",
    "Entry",
    "Manifest",
    "Metric",
    "Protocol",
    "columns",
    "completion_metrics",
    "hole",
    "image_metrics",
    "mean_fill",
    "pool",
    "pool_rows",
]
