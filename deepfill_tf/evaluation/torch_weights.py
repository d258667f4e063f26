"""Tensors of a PyTorch file, read without PyTorch and without running what a pickle can call."""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import BinaryIO

import numpy as np

_STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
}
_MAGIC = 0x1950A86A20F9469CFC6C


def read_torch_tensors(content: bytes) -> dict[str, np.ndarray]:
    """Returns the tensors of a saved state dict by name.

    Args:
      content: of a file that `torch.save` wrote, as a zip archive (since PyTorch 1.6) or in
        the format before.

    Raises pickle.UnpicklingError if the file calls anything that tensors do not need, and
    whatever `pickle` and `zipfile` raise for a corrupt file.
    """
    file = io.BytesIO(content)
    loaded = _read_archive(file) if zipfile.is_zipfile(file) else _read_sequence(file)
    if not isinstance(loaded, Mapping):
        raise ValueError("it holds no tensors by name")
    return {str(k): v.array() for k, v in loaded.items() if isinstance(v, _Tensor)}


def _read_archive(file: BinaryIO) -> object:
    with zipfile.ZipFile(file) as archive:
        [name] = [n for n in archive.namelist() if n.endswith("/data.pkl")]
        folder = name.removesuffix("data.pkl")

        def storage(kind: type, key: str, count: int) -> np.ndarray:
            return np.frombuffer(archive.read(f"{folder}data/{key}"), kind)

        with archive.open(name) as pickled:
            return _TensorsUnpickler(io.BytesIO(pickled.read()), storage).load()


def _read_sequence(file: BinaryIO) -> object:
    """Pickles one after the other, then the storages: number of elements, elements."""
    file.seek(0)
    storages: dict[str, np.ndarray] = {}

    def storage(kind: type, key: str, count: int) -> np.ndarray:
        return storages.setdefault(key, np.zeros(count, kind))

    magic, _, _, loaded, keys = (_TensorsUnpickler(file, storage).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it is no file of PyTorch")
    for key in keys:
        [count] = np.frombuffer(file.read(8), "<i8")
        array = storages[key]
        if count != array.size:
            raise ValueError(f"storage {key} has {count} elements, not {array.size}")
        array[:] = np.frombuffer(file.read(array.nbytes), array.dtype)
    return loaded


class _Tensor:
    """A tensor whose storage may be filled later."""

    def __init__(self, storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_):
        self._storage, self._offset, self._size, self._stride = storage, offset, size, stride

    def array(self) -> np.ndarray:
        count = int(np.prod(self._size))
        contiguous = tuple(int(np.prod(self._size[i + 1 :])) for i in range(len(self._size)))
        if tuple(self._stride) != contiguous and count > 1:
            raise ValueError(f"tensors must be contiguous, got strides {self._stride}")
        return self._storage[self._offset : self._offset + count].reshape(self._size)


def _parameter(tensor: _Tensor, *_) -> _Tensor:
    return tensor


class _TensorsUnpickler(pickle.Unpickler):
    """Unpickles dicts of tensors; refuses pickles that call anything else."""

    def __init__(self, file: BinaryIO, storage: Callable[[type, str, int], np.ndarray]):
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it calls {module}.{name}, which is refused")

    def persistent_load(self, pid: tuple) -> np.ndarray:
        _, kind, key, _, count = pid[:5]
        return self._storage(kind, key, count)
