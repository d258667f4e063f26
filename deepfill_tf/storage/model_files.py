"""Models as files: a description, the weights, and a card for readers.

    model.json                   architecture, package version, where the weights came from, and
                                 the SHA-256 of the other two files
    weights.safetensors          the weights by their Keras names, RGB order, in float32 or float16
    README.md                    the model's card, in exported models

A model directory holds both, and usually a SavedModel beside them, which runs without this
package. A model is loaded from the first two files alone: no code of the SavedModel is run.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import deepfill_tf
from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture
from deepfill_tf.storage.weights import (
    assign_weights,
    check_shapes,
    in_half_precision,
    weights_of,
)
from deepfill_tf.storage.weights_file import (
    check_plausible,
    read_arrays,
    read_shapes,
    write_arrays,
)

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
CARD = "README.md"
SAVED_MODEL = "saved_model.pb"
# Everything that is written to a model directory, `tf.saved_model.save` included.
MODEL_FILES = {
    DESCRIPTION,
    WEIGHTS,
    CARD,
    SAVED_MODEL,
    "fingerprint.pb",
    "variables",
    "assets",
    "assets.extra",
}


@dataclass(frozen=True)
class Provenance:
    """The origin of weights in words, their training steps if known, and their licence."""

    origin: str
    step: int | None = None
    weights_license: str = "unknown"


def is_model_directory(path: str | os.PathLike) -> bool:
    """Whether `path` is a directory with a model's description."""
    return (Path(path) / DESCRIPTION).is_file()


def is_saved_model(path: str | os.PathLike) -> bool:
    """Whether `path` is a directory with a SavedModel of any kind."""
    return (Path(path) / SAVED_MODEL).is_file()


def write_model_files(
    model: keras.Model,
    folder: str | os.PathLike,
    provenance: Provenance,
    *,
    half_precision: bool = False,
    card: str | None = None,
) -> None:
    """Writes description and weights of a built model, and its card, into an existing folder.

    `half_precision`: the weights are rounded to float16 (`in_half_precision`); a model that is
    loaded from them holds exactly the rounded numbers, in float32. `card`: its text, in Markdown.

    Raises OSError or safetensors.SafetensorError if they cannot be written.
    """
    folder = Path(folder)
    weights = weights_of(model)
    if half_precision:
        weights = in_half_precision(weights)
    description = {
        "architecture": architecture_of(model),
        "package_version": deepfill_tf.__version__,
        "weights_sha256": write_arrays(folder / WEIGHTS, weights),
        **asdict(provenance),
    }
    if card is not None:
        (folder / CARD).write_text(card, encoding="utf-8")
        description["card_sha256"] = _sha256(folder / CARD)
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def load_model_directory(path: str | os.PathLike) -> tuple[keras.Model, Provenance]:
    """Returns the model of a model directory, built, and where its weights came from.

    Names and shapes are compared before any weight is read. Descriptions of version 0.1.0 have no
    checksum, and none is compared then.

    Raises UserError if the description or the weights are missing, damaged or do not belong
    together, or if a weight is not a finite number.
    """
    path = Path(path)
    weights, description = path / WEIGHTS, _read_description(path / DESCRIPTION)
    shapes = read_shapes(weights)
    architecture = description.get("architecture", {})
    check_plausible(architecture, shapes, weights)
    model = model_from_architecture(architecture)
    check_shapes(model, shapes, str(weights))
    assign_weights(model, read_arrays(weights, description.get("weights_sha256")), str(weights))
    return model, Provenance(
        description.get("origin", "unknown"),
        description.get("step"),
        description.get("weights_license", "unknown"),
    )


def saved_step(path: str | os.PathLike) -> int | None:
    """Returns the number of training steps in a model directory's description, if it is known."""
    return _read_description(Path(path) / DESCRIPTION).get("step")


def check_replaceable(path: str | os.PathLike) -> None:
    """Raises UserError if writing a model directory to `path` would destroy something else."""
    path = Path(path)
    if not path.exists():
        return
    if not path.is_dir():
        raise UserError(f"{path} is a file; choose a new folder for the model directory")
    names = {entry.name for entry in path.iterdir()}
    if names and not _describes_model(path / DESCRIPTION):
        raise UserError(
            f"{path} holds other things than a model directory and is not overwritten; "
            "choose a new folder"
        )
    foreign = sorted(names - MODEL_FILES)
    if CARD in names and _sha256(path / CARD) != _read_description(path / DESCRIPTION).get(
        "card_sha256"
    ):
        foreign.append(f"{CARD} with changes")
    if foreign:
        raise UserError(
            f"{path} also holds {foreign[0]!r}, which would be lost; choose a new folder"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _describes_model(path: Path) -> bool:
    try:
        return "architecture" in _read_description(path)
    except UserError:
        return False


def _read_description(path: Path) -> dict:
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read the model's description {path}: {reason(error)}") from error
    if not isinstance(description, dict):
        raise UserError(f"a model's description is a JSON object, but {path} holds {description!r}")
    return description
