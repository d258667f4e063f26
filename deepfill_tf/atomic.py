"""Atomic writes: a file or a directory is there whole, or as it was before.

Content is written under a temporary name beside its destination, `.NAME.HOST-PID.tmp`, flushed to
the disk and renamed, so that a killed process or a full disk leaves what was there. The next
writer in the folder removes what killed processes left.

Paths are local or those of an object store ("gs://..."), see `file_system`. On object stores
nothing has to be flushed, and directories are renamed file by file.
"""

import contextlib
import functools
import os
import re
import socket
import zlib
from collections.abc import Iterator

from deepfill_tf import file_system

_OLD = ".old"
# A short name of this machine: a process number means nothing on another one.
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
# Bytes of a name that has place for what temporary names add, in the 255 bytes of file systems.
_LONGEST_NAME = 200
# Temporary paths that this process is writing to.
_ACTIVE: set[str] = set()
_TEMPORARY = re.compile(rf"\.(.+)\.([0-9a-f]{{8}})-(\d+)({re.escape(_OLD)})?\.tmp")


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file. Raises OSError; `path` is unchanged then."""
    with file(path) as temporary:
        file_system.write_bytes(temporary, content)


@contextlib.contextmanager
def file(path: str | os.PathLike) -> Iterator[str]:
    """Yields a temporary path; the file written there replaces `path` if the block succeeds."""
    path = _resolved(path)
    _remove_leftovers_once(os.path.dirname(path))
    temporary = _temporary(path)
    _ACTIVE.add(temporary)
    try:
        yield temporary
        flush(temporary)
        file_system.rename(temporary, path)
        flush(os.path.dirname(path))
    except BaseException:
        _remove(temporary)
        raise
    finally:
        _ACTIVE.discard(temporary)


@contextlib.contextmanager
def directory(path: str | os.PathLike) -> Iterator[str]:
    """Yields a new temporary directory, which replaces `path` if the block succeeds.

    Missing parent directories are made.
    """
    path = _resolved(path)
    remove_leftovers(os.path.dirname(path))
    temporary, old = _temporary(path), _temporary(path, _OLD)
    _ACTIVE.update((temporary, old))
    try:
        file_system.make_folders(temporary)
        yield temporary
        _flush_tree(temporary)
        if file_system.exists(path):
            file_system.rename(path, old)
        file_system.rename(temporary, path)
        flush(os.path.dirname(path))
    except BaseException:
        if not file_system.exists(path) and file_system.exists(old):
            file_system.rename(old, path)
        raise
    finally:
        _remove(temporary)
        if file_system.exists(path):
            _remove(old)
        _ACTIVE.difference_update((temporary, old))


def remove_leftovers(folder: str | os.PathLike, *, sole_writer: bool = False) -> None:
    """Removes from a folder what killed processes left there.

    A process killed between its two renames left the previous directory under a temporary name:
    it gets its name back.

    Args:
      folder: where the files and directories of interrupted writes lie; it may be missing.
      sole_writer: no other process writes in `folder`, so that temporary files of any process
        on any machine are leftovers; else only those of this machine's ended processes are.
    """
    folder = _resolved(folder)
    if not file_system.is_folder(folder):
        return
    for entry in file_system.names_in(folder):
        match = _TEMPORARY.fullmatch(entry)
        if match is None:
            continue
        name, host, process, is_old = match.groups()
        leftover, path = os.path.join(folder, entry), os.path.join(folder, name)
        if leftover in _ACTIVE:
            continue
        if not sole_writer and (host != _HOST or _is_running(int(process))):
            continue
        if is_old and not file_system.exists(path):
            with contextlib.suppress(OSError):
                file_system.rename(leftover, path)
        else:
            _remove(leftover)


def flush(path: str) -> None:
    """Flushes a local file, or the entries of a local directory, to the disk."""
    if file_system.is_remote(path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@functools.cache
def _remove_leftovers_once(folder: str) -> None:
    """Listing a folder for each of the many files that a process writes there would be slow."""
    if not file_system.is_remote(folder):
        remove_leftovers(folder)


def _flush_tree(folder: str) -> None:
    if file_system.is_remote(folder):
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            flush(os.path.join(parent, name))
        flush(parent)


def _remove(path: str) -> None:
    """Removes a file or a directory if that is possible."""
    with contextlib.suppress(OSError):
        if file_system.exists(path):
            file_system.remove(path)


def _resolved(path: str | os.PathLike) -> str:
    """An absolute path without symbolic links: a link stays, and what it points to is replaced."""
    path = os.fspath(path)
    return path.rstrip("/") if file_system.is_remote(path) else os.path.realpath(path)


def _temporary(path: str, kind: str = "") -> str:
    parent, name = os.path.split(path)
    if len(os.fsencode(name)) > _LONGEST_NAME:  # temporary names are longer
        name = f"{name[: _LONGEST_NAME // 8]}-{zlib.crc32(os.fsencode(name)):08x}"
    return os.path.join(parent, f".{name}.{_HOST}-{os.getpid()}{kind}.tmp")


def _is_running(process: int) -> bool:
    """Whether another process of that number is running on this machine.

    In containers an ended process often had the number that this one has.
    """
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
