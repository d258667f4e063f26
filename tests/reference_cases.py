"""Cases of a reference file: groups of arrays below one key, with their description."""

import functools
import json

import numpy as np

from tests.reference import reference_path


@functools.cache
def arrays(file: str) -> dict[str, np.ndarray]:
    """All arrays of a file."""
    with np.load(reference_path(file)) as archive:
        return {key: archive[key] for key in archive.files}


def case(file: str, key: str) -> dict:
    """What is recorded below `key`, for instance `x`, `y` and `dy`."""
    prefix = f"{key}/"
    return {k[len(prefix) :]: v for k, v in arrays(file).items() if k.startswith(prefix)}


def description(file: str, key: str) -> dict:
    """What the case was: operation, arguments, shapes, or an `error`."""
    return json.loads(str(arrays(file)["meta_json"]))[key]


def cases(file: str, prefix: str = "", *, errors: bool = False) -> list[str]:
    """Keys that begin with `prefix`, for parametrising.

    With `errors` those that the original refuses, otherwise those that it computes.
    """
    described = json.loads(str(arrays(file)["meta_json"]))
    keys = [
        key
        for key, words in described.items()
        if key.startswith(prefix) and ("error" in words) == errors
    ]
    if not keys:
        raise ValueError(f"{file} has no case that begins with {prefix!r}")
    return keys
