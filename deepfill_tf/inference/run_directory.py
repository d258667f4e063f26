"""Run directories: what training leaves behind, and the generator in it.

    config.gin      the operative config
    checkpoints/    step-<n>/, everything that training needs to go on; architecture.json
    logs/           TensorBoard
    model/          the model directory

A checkpoint holds the generator's weights under `generator` and, where training
keeps one, the moving average of its trainable weights under `ema`, each a
`compat.VariableBundle`.
"""

import json
import os
import re
from pathlib import Path

import numpy as np

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.inference.model_directory import (
    Provenance,
    is_model_directory,
    load_model_directory,
    saved_step,
)
from deepfill_tf.networks.architecture import model_from_architecture
from deepfill_tf.storage.checkpoint_arrays import checkpoint_arrays
from deepfill_tf.storage.checkpoint_format import latest_valid_checkpoint, step_of, variables_prefix
from deepfill_tf.storage.weights import assign_weights

CONFIG = "config.gin"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
MODEL = "model"
# Inside CHECKPOINTS: {"generator": ..., "discriminator": ...}, see networks.architecture.
ARCHITECTURE = "architecture.json"


def is_run_directory(path: str | os.PathLike) -> bool:
    path = Path(path)
    return (path / CHECKPOINTS).is_dir() or is_model_directory(path / MODEL)


def load_run(path: str | os.PathLike) -> tuple[keras.Model, Provenance]:
    """The newest generator of a run, built, and where its weights came from.

    That is `model/`, or the newest checkpoint where there is no `model/` or training
    has gone on since. Raises UserError where there is neither.
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


def bundled_arrays(checkpoint: str, bundle: str) -> dict[str, np.ndarray]:
    """The arrays of the `VariableBundle` saved as `bundle`, by name; {} where there is none.

    `checkpoint` is its directory.
    """
    key = re.compile(rf"{bundle}/named/([^/]+)/\.ATTRIBUTES/VARIABLE_VALUE")
    found = checkpoint_arrays(
        variables_prefix(checkpoint), lambda name: key.fullmatch(name) is not None
    )
    return {_unescaped(key.sub(r"\1", name)): array for name, array in found.items()}


def _load_checkpoint(architecture: Path, checkpoint: str) -> tuple[keras.Model, Provenance]:
    try:
        networks = json.loads(architecture.read_text())
        generator_architecture = networks["generator"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"cannot read the networks' description {architecture}: {error}") from error
    arrays = bundled_arrays(checkpoint, "generator") | bundled_arrays(checkpoint, "ema")
    generator = model_from_architecture(generator_architecture)
    assign_weights(generator, arrays, checkpoint)
    return generator, Provenance("trained by deepfill_tf", step_of(checkpoint))


def _unescaped(name: str) -> str:
    """TensorFlow writes "/" in a name as ".S" and "." as ".."."""
    return re.sub(r"\.([.S])", lambda match: {".": ".", "S": "/"}[match[1]], name)
