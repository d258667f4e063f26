"""Files and directories that are there whole or not at all.

What is written gets a temporary name beside its place, `.NAME.PID.tmp`. When it is whole it is
flushed to the disk and renamed, so that a killed process or a full disk leaves what was there.
Paths are local or those of an object store ("gs://..."), as `tf.io.gfile` takes them; on object
stores renaming is not atomic, and flushing is not needed.
"""

import contextlib
import os
import re
from collections.abc import Iterator

import tensorflow as tf


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file."""
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file. Raises OSError or tf.errors.OpError; `path` is unchanged then."""
    with file(path) as temporary, tf.io.gfile.GFile(temporary, "wb") as stream:
        stream.write(content)


@contextlib.contextmanager
def file(path: str | os.PathLike) -> Iterator[str]:
    """Gives a temporary path; the file that the block writes there takes the place of `path`."""
    path = os.fspath(path)
    temporary = _temporary(path)
    try:
        yield temporary
        flush(temporary)
        tf.io.gfile.rename(temporary, path, overwrite=True)
        flush(os.path.dirname(path) or ".")
    except BaseException:
        with contextlib.suppress(OSError, tf.errors.OpError):
            if tf.io.gfile.exists(temporary):
                tf.io.gfile.remove(temporary)
        raise


@contextlib.contextmanager
def directory(path: str | os.PathLike) -> Iterator[str]:
    """Gives a new temporary directory that takes the place of `path` if the block succeeds.

    What processes that were killed left beside `path` is removed first.
    """
    path = os.fspath(path).rstrip("/")
    remove_leftovers(path)
    temporary, replaced = _temporary(path), _temporary(path, ".old")
    try:
        tf.io.gfile.makedirs(temporary)
        yield temporary
        _flush_all(temporary)
        if tf.io.gfile.exists(path):
            tf.io.gfile.rename(path, replaced)
        try:
            tf.io.gfile.rename(temporary, path)
        except (OSError, tf.errors.OpError):
            if tf.io.gfile.exists(replaced):
                tf.io.gfile.rename(replaced, path)
            raise
        flush(os.path.dirname(path) or ".")
    finally:
        for leftover in (temporary, replaced) if tf.io.gfile.exists(path) else (temporary,):
            with contextlib.suppress(OSError, tf.errors.OpError):
                if tf.io.gfile.exists(leftover):
                    tf.io.gfile.rmtree(leftover)


def remove_leftovers(path: str | os.PathLike) -> None:
    """Removes what killed processes left of writing the directory `path`.

    A process that was killed between its two renames left the previous directory under its
    temporary name: where `path` is missing, that one comes back.
    """
    parent, name = os.path.split(os.fspath(path).rstrip("/"))
    parent = parent or "."
    if not tf.io.gfile.isdir(parent):
        return
    pattern = re.compile(rf"\.{re.escape(name)}\.(\d+)(\.old)?\.tmp")
    for entry in tf.io.gfile.listdir(parent):
        match = pattern.fullmatch(entry.rstrip("/"))
        if match is None or _is_running(int(match[1])):
            continue
        leftover = os.path.join(parent, entry.rstrip("/"))
        if match[2] and not tf.io.gfile.exists(path):
            tf.io.gfile.rename(leftover, os.fspath(path))
        else:
            tf.io.gfile.rmtree(leftover)


def flush(path: str) -> None:
    """Lets a local file, or the names in a local directory, survive a loss of power."""
    if "://" in path:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_all(folder: str) -> None:
    if "://" in folder:
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            flush(os.path.join(parent, name))
        flush(parent)


def _temporary(path: str, kind: str = "") -> str:
    parent, name = os.path.split(path)
    return os.path.join(parent, f".{name}.{os.getpid()}{kind}.tmp")


def _is_running(process: int) -> bool:
    """Whether another process of that number is running on this machine."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
