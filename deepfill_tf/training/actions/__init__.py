"""Actions: host work between loops of training steps, such as saving and validation."""

from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.actions.best import KeepBest
from deepfill_tf.training.actions.comparison import CompareCompletion
from deepfill_tf.training.actions.exporting import ExportModel
from deepfill_tf.training.actions.images import WriteImages
from deepfill_tf.training.actions.input_bound import WarnIfInputBound
from deepfill_tf.training.actions.progress import ShowProgress
from deepfill_tf.training.actions.saving import SaveCheckpoints
from deepfill_tf.training.actions.scalars import WriteScalars
from deepfill_tf.training.actions.validation import Validate

__all__ = [
    "Action",
    "CompareCompletion",
    "ExportModel",
    "KeepBest",
    "SaveCheckpoints",
    "ShowProgress",
    "Validate",
    "WarnIfInputBound",
    "WriteImages",
    "WriteScalars",
]
