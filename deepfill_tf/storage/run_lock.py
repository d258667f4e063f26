"""One training at a time in a run directory."""

import contextlib
import os
import socket
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # not a Unix system: nothing is locked there
    fcntl = None  # type: ignore[assignment]

from deepfill_tf.errors import UserError, reason
from deepfill_tf.storage.run_directory import LOCK


@contextlib.contextmanager
def run_lock(run_dir: str) -> Iterator[None]:
    """Locks a run directory.

    The system releases the lock when the process ends, however it ends. Object stores
    ("gs://...") have no locks: nothing is locked there.

    Raises UserError if another process holds the lock.
    """
    if fcntl is None or "://" in run_dir:
        yield
        return
    try:
        file = open(os.path.join(run_dir, LOCK), "a+", errors="replace")  # noqa: SIM115
    except OSError as error:
        raise UserError(f"cannot write to the run directory {run_dir}: {reason(error)}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise UserError(
                f"another training is running in {run_dir} "
                f"({file.read(200).strip() or 'process unknown'}); wait for it, stop it, or "
                "pass another --run_dir"
            ) from error
        file.truncate(0)
        print(f"process {os.getpid()} on {socket.gethostname()}", file=file, flush=True)
        yield
