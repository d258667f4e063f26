"""Weights in a .safetensors file, which is checked before it is read."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from deepfill_tf.errors import UserError, reason

_CHUNK = 2**20
# Arguments of networks that the number of weights grows with the square of.
_WIDTHS = ("width", "filters")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Writes arrays by name; returns the file's SHA-256 in hexadecimal.

    Raises OSError or safetensors.SafetensorError if they cannot be written.
    """
    # save_file would make it readable for its owner only, whatever the umask.
    content = safetensors.numpy.save(dict(arrays))
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays in a file by name, from its header alone.

    Raises UserError if it is no .safetensors file, or if its header does not fit its size.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"cannot read the weights {path}: it is not a regular file")
    try:
        with safetensors.safe_open(os.fspath(path), "numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"cannot read the weights {path}: {reason(error)}") from error


def read_arrays(path: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads the arrays of a file by name.

    Args:
      path: a file that `read_shapes` takes.
      sha256: the file's checksum in hexadecimal; None if it is not known.

    Raises UserError if the file has another checksum or cannot be read.
    """
    try:
        if sha256 is not None and sha256 != (actual := _sha256(path)):
            raise UserError(
                f"{path} is not the file that its model.json describes: its SHA-256 is "
                f"{actual[:12]}..., not {str(sha256)[:12]}...; get both files again, or remove "
                "weights_sha256 from model.json if you have changed the weights yourself"
            )
        return safetensors.numpy.load_file(path)
    except UserError:
        raise
    # The last three come from types of numbers that NumPy does not have.
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"cannot read the weights {path}: {reason(error)}") from error


def check_plausible(arguments: Any, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raises UserError if a network of these arguments has far more weights than the file.

    Building it might take all memory before the weights turn out not to fit.
    """
    count = sum(math.prod(shape) for shape in shapes.values())
    for name, value in _integers(arguments):
        if (value**2 if name in _WIDTHS else value) > count:
            raise UserError(
                f"{path} has {count} weights, too few for a network of {name}={value}: it does "
                "not belong to its model.json"
            )


def _integers(arguments: Any) -> Iterator[tuple[str, int]]:
    """Names and values of all integers in arguments, and in mappings among them."""
    for name, value in arguments.items() if isinstance(arguments, Mapping) else ():
        if isinstance(value, int):
            yield name, value
        yield from _integers(value)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
