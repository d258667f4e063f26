"""Files that exports write: what may be replaced, and how it is replaced."""

import os
from collections.abc import Callable
from pathlib import Path

from deepfill_tf import atomic
from deepfill_tf.errors import UserError, reason, system_reason
from deepfill_tf.inference.hole_crops import MIN_SIDE
from deepfill_tf.inference.writable_paths import check_writable

# Smallest PSNR in the hole against TensorFlow, in dB, of float32 models that copy details: rounding
# may make the search choose another of two patches that are alike.
MIN_PSNR_OF_DETAILS = 50.0


def check_exported_path(
    path: str | os.PathLike, suffix: str, kind: str, is_one: Callable[[Path], bool]
) -> None:
    """Raises UserError unless a file can be written there, replacing one of its kind at most.

    Exports call it before they convert, which takes a minute.

    Args:
      path: of the file.
      suffix: that it must have, such as ".onnx".
      kind: for messages, such as "an ONNX file".
      is_one: whether an existing file is of this kind.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise UserError(f"{kind} ends in {suffix}, got {path}")
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; pass the path of a file")
    check_writable(path)
    try:
        replaces_another = path.exists() and not is_one(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {system_reason(error)}") from error
    if replaces_another:
        raise UserError(f"{path} is not {kind} and is not overwritten; choose another name")


def check_fixed_size(height: int, width: int) -> None:
    """Raises UserError unless models can take images of this size."""
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"an image must have at least {MIN_SIDE} rows and columns, got {height} rows and "
            f"{width} columns"
        )


def write_exported(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file, with the folders above it. Raises UserError if that fails."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
