"""Whether files can be written, found before anything is computed."""

import os
import stat
from pathlib import Path

from deepfill_tf.errors import UserError, system_reason


def check_writable(path: Path) -> None:
    """Raises UserError unless a file may be written there, with new folders above it."""
    check_name(path)
    check_folder(path, path.absolute().parent)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    except OSError as error:  # such as a name that is too long, or a link to itself
        raise UserError(f"cannot write {path}: {system_reason(error)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"cannot write {path}: it exists and is not a regular file")


def check_folder(path: Path, folder: Path) -> None:
    """Raises UserError, for `path`, unless a folder is writable, or can be made."""
    above = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise UserError(f"cannot write {path}: {above} is not a writable folder")


def check_name(path: Path) -> None:
    """Raises UserError unless a path to write is UTF-8, as programs that read it expect."""
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"cannot write {path}: its name is not UTF-8") from error
