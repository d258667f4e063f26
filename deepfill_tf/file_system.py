"""Files and folders of local disks and of object stores ("gs://...").

Local paths are the operating system's; addresses with "://" go to `tf.io.gfile`, so that
TensorFlow is imported when the first of them is used. Errors are OSError in both cases.
"""

import contextlib
import glob as local_glob
import os
import shutil
from collections.abc import Iterator
from typing import Any


def is_remote(path: str) -> bool:
    """Returns True if a path is the address of an object store."""
    return "://" in path


def exists(path: str) -> bool:
    """Returns True if there is a file or a folder."""
    return _on_store("exists", path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Returns True if there is a folder."""
    return _on_store("isdir", path) if is_remote(path) else os.path.isdir(path)


def names_in(folder: str) -> list[str]:
    """Returns the names of the files and folders in a folder, in no order."""
    if not is_remote(folder):
        return os.listdir(folder)
    return [name.rstrip("/") for name in _on_store("listdir", folder)]


def walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each folder below and including `folder`, with the names of its files.

    Links to folders are followed, but not into one of the folders above.
    """
    if not is_remote(folder):
        yield from _walk(folder)
        return
    for parent, _, names in _on_store("walk", folder):
        yield parent, names


def matching(pattern: str) -> list[str]:
    """Returns the paths that match a glob, in no order. A `*` matches within one name only."""
    return _on_store("glob", pattern) if is_remote(pattern) else local_glob.glob(pattern)


def make_folders(path: str) -> None:
    """Makes a folder and those above it, where they are missing."""
    if is_remote(path):
        _on_store("makedirs", path)
    else:
        os.makedirs(path, exist_ok=True)


def rename(path: str, new: str) -> None:
    """Renames a file, which replaces the file that has the new name, or a folder."""
    if is_remote(path):
        _on_store("rename", path, new, overwrite=True)
    else:
        os.replace(path, new)


def remove(path: str) -> None:
    """Removes a file, or a folder with all that is in it."""
    if is_remote(path):
        _on_store("rmtree" if is_folder(path) else "remove", path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def read_bytes(path: str, offset: int = 0, count: int = -1) -> bytes:
    """Returns the content of a file, or at most `count` bytes of it from `offset` on."""
    if is_remote(path):
        with _store_errors_as_os_errors() as gfile, gfile.GFile(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(count)
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(count)


def write_bytes(path: str, content: bytes) -> None:
    """Writes a file. What was there is overwritten while it is written; see `atomic`."""
    if is_remote(path):
        with _store_errors_as_os_errors() as gfile, gfile.GFile(path, "wb") as stream:
            stream.write(content)
    else:
        with open(path, "wb") as file:
            file.write(content)


def _walk(folder: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    place = os.path.realpath(folder)
    if place in above:
        return
    with os.scandir(folder) as entries:
        is_folder_of = {entry.name: _is_folder(entry) for entry in entries}
    yield folder, [name for name, is_one in is_folder_of.items() if not is_one]
    for name in sorted(name for name, is_one in is_folder_of.items() if is_one):
        yield from _walk(os.path.join(folder, name), (*above, place))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _on_store(function: str, *arguments: Any, **keywords: Any) -> Any:
    with _store_errors_as_os_errors() as gfile:
        return getattr(gfile, function)(*arguments, **keywords)


@contextlib.contextmanager
def _store_errors_as_os_errors() -> Iterator[Any]:
    """Yields `tf.io.gfile`; its errors become OSError, FileNotFoundError for what is missing."""
    import tensorflow as tf

    try:
        yield tf.io.gfile
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(error.message) from error
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
