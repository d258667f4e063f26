"""Loading a generator from a model directory or a run directory."""

import os
from pathlib import Path

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.storage.model_files import (
    DESCRIPTION,
    Provenance,
    is_model_directory,
    is_saved_model,
    load_model_directory,
)
from deepfill_tf.storage.run_directory import is_run_directory, load_run

# The model that comes with the package.
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "default"


def default_model() -> Path:
    """Directory of the model that comes with the package.

    Raises UserError if this installation has none.
    """
    if not is_model_directory(DEFAULT_MODEL):
        raise UserError(
            f"this installation has no default model (there is no {DEFAULT_MODEL / DESCRIPTION}): "
            "pass a run directory or a model directory"
        )
    return DEFAULT_MODEL


def load_generator(path: str | os.PathLike | None = None) -> keras.Model:
    """Loads the generator of a model directory or a run directory as a built Keras model.

    Without a path it is that of the model that comes with the package. Of a model directory only
    model.json and weights.safetensors are read. Of a run directory it is the newest generator:
    that of `model/`, or of the latest checkpoint if training has gone on since.

    Args:
      path: the directory; None: the package's model.

    Returns:
      A Keras model. It takes images `[N, H, W, C]` in [-1, 1] and masks `[N, H, W, 1]` (1 is the
      hole; guided generators also take sketches, like masks), H and W multiples of 8, and
      returns the coarse and the refined images, and the attention's offsets.

    Raises:
      UserError: `path` is neither, or is damaged, or the package has no model.

    Example:

    >>> import tempfile
    >>> import tensorflow as tf
    >>> from deepfill_tf import load_generator
    >>> from deepfill_tf.networks import GeneratorV2
    >>> from deepfill_tf.networks.architecture import build_model
    >>> from deepfill_tf.storage.model_files import Provenance, write_model_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     generator = build_model(GeneratorV2(width=4, refinement=False))
    ...     write_model_files(generator, folder, Provenance("random weights"))
    ...     generator = load_generator(folder)
    >>> coarse, refined, offsets = generator(tf.zeros([1, 16, 24, 3]), tf.ones([1, 16, 24, 1]))
    >>> coarse.shape
    TensorShape([1, 16, 24, 3])
    """
    return load_with_provenance(path)[0]


def load_with_provenance(
    path: str | os.PathLike | None = None,
) -> tuple[keras.Model, Provenance]:
    """Returns the generator as `load_generator` does, and where its weights came from."""
    if path is None or Path(path) == DEFAULT_MODEL:
        return load_model_directory(default_model())
    if is_model_directory(path):
        return load_model_directory(path)
    if is_run_directory(path):
        return load_run(path)
    if is_saved_model(path):
        raise UserError(
            f"{path} is a SavedModel without a model.json: usable for inference, but cannot be "
            "loaded as a Keras model"
        )
    if not Path(path).is_dir():
        state = f"{path} is a file" if Path(path).exists() else f"there is no folder {path}"
        raise UserError(f"{state}; pass a run directory or a model directory")
    raise UserError(
        f"{path} is neither a model directory (it has no model.json) nor a run directory "
        "(it has no checkpoints/)"
    )
