"""One training at a time in a run directory."""

import os
import socket
from types import TracebackType

try:
    import fcntl
except ImportError:  # not a Unix: there nothing is locked
    fcntl = None  # type: ignore[assignment]

from deepfill_tf.errors import UserError

LOCK = ".lock"


class RunLock:
    """Holds a run directory while it is entered.

    The system lets go when the process ends, however it ends. On object stores ("gs://...")
    there are no locks, and nothing is held.

    Raises UserError on entering where another process holds it.
    """

    def __init__(self, run_dir: str):
        self._run_dir = run_dir
        self._descriptor: int | None = None

    def __enter__(self) -> "RunLock":
        if fcntl is None or "://" in self._run_dir:
            return self
        path = os.path.join(self._run_dir, LOCK)
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"cannot write to the run directory {self._run_dir}: {error}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 200).decode(errors="replace").strip()
            self.__exit__()
            raise UserError(
                f"another training is at work in {self._run_dir} ({holder or 'it does not say who'}"
                "); wait for it, stop it, or name another --run_dir"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
