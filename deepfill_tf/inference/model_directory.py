"""Model directories: a SavedModel with the model's description and weights beside it.

    saved_model.pb, variables/   runs anywhere, without this package
    model.json                   architecture, package version, where the weights came from
    weights.safetensors          the weights by their Keras names, RGB order

A generator is loaded from the last two: no code of the SavedModel is run.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.numpy
import tensorflow as tf

import deepfill_tf
from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture
from deepfill_tf.storage.weights import assign_weights, weights_of

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
# All that `save_model_directory` and `tf.saved_model.save` write.
MODEL_FILES = {DESCRIPTION, WEIGHTS, "saved_model.pb", "fingerprint.pb", "variables", "assets"}


@dataclass(frozen=True)
class Provenance:
    """Where weights came from, in words, and after how many steps if that is known."""

    origin: str
    step: int | None = None


def is_model_directory(path: str | os.PathLike) -> bool:
    return (Path(path) / DESCRIPTION).is_file()


def save_model_directory(
    generator: keras.Model,
    path: str | os.PathLike,
    *,
    origin: str,
    step: int | None = None,
    regions: bool = True,
) -> None:
    """Writes the generator as a model directory.

    It is written beside `path` and then takes its place, so that a failure leaves
    what was there. The model saved computes in float32 whatever policy the generator
    has. `origin` says where the weights came from; `step` how long they were trained;
    `regions` is the SavedModel's, see `InpaintingModule`.

    Raises UserError where `path` is something other than a model directory or an
    empty folder, holds anything besides, or cannot be written.
    """
    path = Path(os.path.realpath(path))
    check_replaceable(path)
    architecture = architecture_of(generator)
    copy = model_from_architecture(architecture, dtype="float32")
    assign_weights(copy, weights_of(generator), "the generator")
    description = {
        "architecture": architecture,
        "package_version": deepfill_tf.__version__,
        "origin": origin,
        "step": step,
    }
    with _written_aside(path) as folder:
        module = InpaintingModule(copy, regions=regions)
        tf.saved_model.save(module, str(folder), signatures=module.signatures_to_save)
        # save_file would make it readable for its owner only, whatever the umask.
        (folder / WEIGHTS).write_bytes(safetensors.numpy.save(weights_of(copy)))
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def load_model_directory(path: str | os.PathLike) -> tuple[keras.Model, Provenance]:
    """The generator of a model directory, built, and where its weights came from.

    Raises UserError where the description or the weights are missing, damaged or do
    not belong together.
    """
    path = Path(path)
    description = _read_description(path / DESCRIPTION)
    try:
        arrays = safetensors.numpy.load_file(path / WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"cannot read the weights {path / WEIGHTS}: {error}") from error
    generator = model_from_architecture(description.get("architecture", {}))
    assign_weights(generator, arrays, str(path / WEIGHTS))
    return generator, Provenance(description.get("origin", "unknown"), description.get("step"))


def saved_step(path: str | os.PathLike) -> int | None:
    """The step that a model directory says its weights are of."""
    return _read_description(Path(path) / DESCRIPTION).get("step")


def check_replaceable(path: str | os.PathLike) -> None:
    """Raises UserError if writing a model directory to `path` would destroy something else."""
    path = Path(path)
    if not path.exists():
        return
    if not path.is_dir():
        raise UserError(f"{path} is a file; a model directory needs a path of its own")
    names = {entry.name for entry in path.iterdir()}
    if names and not _describes_model(path / DESCRIPTION):
        raise UserError(
            f"{path} holds other things than a model directory and is not overwritten; "
            "name a new folder"
        )
    foreign = sorted(names - MODEL_FILES)
    if foreign:
        raise UserError(f"{path} also holds {foreign[0]!r}, which would be lost; name a new folder")


def _describes_model(path: Path) -> bool:
    try:
        return "architecture" in _read_description(path)
    except UserError:
        return False


def _read_description(path: Path) -> dict:
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the model's description {path}: {error}") from error
    if not isinstance(description, dict):
        raise UserError(f"{path} is no description of a model: it holds {description!r}")
    return description


@contextlib.contextmanager
def _written_aside(path: Path) -> Iterator[Path]:
    """A new folder beside `path` that takes its place if the block succeeds."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    replaced = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        yield aside
        if path.exists():
            path.rename(replaced)
        try:
            aside.rename(path)
        except OSError:
            if replaced.exists():
                replaced.rename(path)
            raise
    except (OSError, safetensors.SafetensorError, tf.errors.OpError) as error:
        raise UserError(f"cannot write {path}: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)
