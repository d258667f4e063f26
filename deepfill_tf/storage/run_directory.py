"""Run directories: the files of one training, and the generator in them.

    config.gin      the operative config
    checkpoints/    step-<n>/, everything that training needs to resume; architecture.json, the
                    networks; images.txt.gz, the names of the training images, one per line
    logs/           TensorBoard
    model/          the model directory, written at the end of training
    best/           the generator with the best validation, if `KeepBest` is an action
    completed.png   a training image, masked and completed, if `CompareCompletion` is an action
    .lock           held by the process that trains here, see `run_lock`

A checkpoint holds the generator's weights under `generator` and, if training keeps one, the
moving average of its trainable weights under `ema`, each a `compat.VariableBundle`.
"""

import json
import os
from pathlib import Path

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.networks.architecture import model_from_architecture
from deepfill_tf.storage.checkpoint_arrays import bundle_arrays
from deepfill_tf.storage.checkpoint_format import latest_valid_checkpoint, step_of, variables_prefix
from deepfill_tf.storage.model_files import (
    Provenance,
    is_model_directory,
    load_model_directory,
    saved_step,
)
from deepfill_tf.storage.weights import assign_weights

CONFIG = "config.gin"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
MODEL = "model"
BEST = "best"
# Inside CHECKPOINTS: {"generator": ..., "discriminator": ...}, see networks.architecture.
ARCHITECTURE = "architecture.json"
# Inside CHECKPOINTS, see `resume_checks`.
IMAGES = "images.txt.gz"
COMPLETED = "completed.png"
LOCK = ".lock"


def is_run_directory(path: str | os.PathLike) -> bool:
    """Whether `path` is a directory with checkpoints or a trained model."""
    path = Path(path)
    return (path / CHECKPOINTS).is_dir() or is_model_directory(path / MODEL)


def load_run(path: str | os.PathLike) -> tuple[keras.Model, Provenance]:
    """Returns the newest generator of a run, built, and where its weights came from.

    That is `model/`, or the latest valid checkpoint if there is no `model/` or training has gone
    on since. Raises UserError if there is neither.
    """
    path = Path(path)
    checkpoint = latest_valid_checkpoint(str(path / CHECKPOINTS))
    if is_model_directory(path / MODEL):
        step = saved_step(path / MODEL)
        if checkpoint is None or step is None or step_of(checkpoint) <= step:
            return load_model_directory(path / MODEL)
    if checkpoint is None:
        raise UserError(
            f"{path} holds neither a model nor a checkpoint yet; train until the first is saved"
        )
    return _load_checkpoint(path / CHECKPOINTS / ARCHITECTURE, checkpoint)


def _load_checkpoint(architectures: Path, checkpoint: str) -> tuple[keras.Model, Provenance]:
    try:
        architecture = json.loads(architectures.read_text())["generator"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"cannot read the networks' description {architectures}: {reason(error)}"
        ) from error
    prefix = variables_prefix(checkpoint)
    generator = model_from_architecture(architecture)
    arrays = bundle_arrays(prefix, "generator") | bundle_arrays(prefix, "ema")
    assign_weights(generator, arrays, checkpoint)
    return generator, Provenance("trained by deepfill_tf", step_of(checkpoint))
