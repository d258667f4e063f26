"""A generator, from wherever one is kept."""

import os
from pathlib import Path

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.inference.model_directory import (
    Provenance,
    is_model_directory,
    load_model_directory,
)
from deepfill_tf.inference.run_directory import is_run_directory, load_run


def load_generator(path: str | os.PathLike) -> keras.Model:
    """The generator of a model directory or a run directory, as a built Keras model.

    Raises UserError where `path` is neither, or is damaged.
    """
    return load_with_provenance(path)[0]


def load_with_provenance(path: str | os.PathLike) -> tuple[keras.Model, Provenance]:
    """The generator as by `load_generator`, and where its weights came from."""
    if is_model_directory(path):
        return load_model_directory(path)
    if is_run_directory(path):
        return load_run(path)
    if is_saved_model(path):
        raise UserError(
            f"{path} is a SavedModel without a model.json: it can complete images, "
            "but not be taken apart"
        )
    raise UserError(
        f"{path} is no model directory (no model.json) and no run directory (no checkpoints/)"
        if Path(path).is_dir()
        else f"there is no folder {path}; name a run directory or a model directory"
    )


def is_saved_model(path: str | os.PathLike) -> bool:
    return (Path(path) / "saved_model.pb").is_file()
