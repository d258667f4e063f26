"""Evaluation: metrics of completed images, and baselines to compare with."""

from deepfill_tf.evaluation.mean_fill import mean_fill
from deepfill_tf.evaluation.metrics import completion_metrics

__all__ = ["completion_metrics", "mean_fill"]
