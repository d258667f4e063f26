"""Pickles of NumPy arrays, read without running what else a pickle can call."""

import pickle
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

# All globals in a pickle of arrays. NumPy 2 moved the first, and reads both names.
_ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
}


def read_pickled_arrays(file: BinaryIO) -> dict[str, Any]:
    """Returns the values of a pickled dict of dicts, by the path of their keys, joined by /.

    The caller checks that values are arrays of the right shapes. Raises pickle.UnpicklingError
    if the pickle calls anything that arrays do not need, and whatever `pickle` raises for a
    corrupt file.
    """
    return dict(_flattened("", _ArraysUnpickler(file).load()))


def _flattened(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _flattened(f"{path}/{key}" if path else str(key), entry)
    else:
        yield path, value


class _ArraysUnpickler(pickle.Unpickler):
    """Unpickles arrays of numbers; refuses pickles that call anything else."""

    def find_class(self, module: str, name: str):
        if (module, name) not in _ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which is refused")
        return _ALLOWED_GLOBALS[module, name]
