#!/usr/bin/env python3
"""Starts the workers of a cluster as processes of this machine, to try a config locally.

    python tools/launch_local.py --workers=2 -- --gin_file=quickstart.gin --run_dir=runs/x

Arguments after -- are passed to every worker, `python -m deepfill_tf.train`. Each worker gets a
TF_CONFIG with free ports of this machine, and an equal share of its CPU cores. Log lines begin
with the worker's index. SIGTERM and SIGINT are forwarded as SIGTERM to all workers, which save a
checkpoint and exit; a second signal kills them. Exit codes, as those of one worker:

    0    done
    75   stopped, or a worker was lost: restart to resume
    1    an error: a restart would fail again

This does not train faster: workers on one machine share its cores and its memory.
"""

import argparse
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, TextIO

from deepfill_tf.command_line import DONE, FAILED, RESTART

POLL_SECONDS = 0.1
# Option of Linux's prctl: the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


def main() -> int:
    try:
        arguments = parsed(sys.argv[1:])
    except ValueError as error:
        return print_error(error)
    request = StopRequest()
    for attempt in range(arguments.restarts + 1):
        workers = Workers(arguments.module, arguments.worker_arguments, arguments.workers)
        code = exit_code(workers.wait(request, arguments.grace))
        if code != RESTART or request.count or attempt == arguments.restarts:
            return code
        log(f"restarting all workers, {arguments.restarts - attempt} restart(s) left")
    raise AssertionError("the last attempt returns")


def parsed(command_line: Sequence[str]) -> argparse.Namespace:
    """Parses the arguments, `worker_arguments` after --. Raises ValueError for bad ones."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--workers=N] [--restarts=N] [--grace=SECONDS] [--module=NAME] -- ...",
        exit_on_error=False,
    )
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument(
        "--restarts", type=int, default=0, help="number of restarts after exit code 75"
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=60.0,
        help="seconds from a worker's error to SIGTERM for the others, and from SIGTERM to SIGKILL",
    )
    parser.add_argument(
        "--module", default="deepfill_tf.train", help="program of every worker: python -m MODULE"
    )
    own, dashes, rest = partition(command_line, "--")
    try:
        arguments, unknown = parser.parse_known_args(own)
    except argparse.ArgumentError as error:
        raise ValueError(error) from error
    if unknown:
        raise ValueError(
            f"unexpected argument {unknown[0]!r}; arguments of the workers come after --"
        )
    if not dashes:
        raise ValueError("the workers' arguments are missing: -- --gin_file=... --run_dir=...")
    for name, low in (("workers", 1), ("restarts", 0), ("grace", 0)):
        if not (value := getattr(arguments, name)) >= low:
            raise ValueError(f"--{name} must be >= {low}, got {value}")
    arguments.worker_arguments = rest
    return arguments


def partition(items: Sequence[str], separator: str) -> tuple[list[str], bool, list[str]]:
    """Like `str.partition`: items before the separator, whether it is there, items after it."""
    if separator not in items:
        return list(items), False, []
    index = list(items).index(separator)
    return list(items[:index]), True, list(items[index + 1 :])


def exit_code(codes: Sequence[int]) -> int:
    """One exit code from those of all workers, which are negative for a signal.

    A killed worker is a lost one, after which the others need a restart. An error of any worker
    takes precedence.
    """
    if all(code == DONE for code in codes):
        return DONE
    return RESTART if all(code in (DONE, RESTART) or code < 0 for code in codes) else FAILED


class StopRequest:
    """Counts SIGTERM and SIGINT after its construction."""

    def __init__(self):
        self.count = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)

    def _count(self, number, frame) -> None:
        self.count += 1


class Workers:
    """Processes `python -m module arguments`, the workers of a cluster on this machine.

    On Linux the kernel kills them when this process is killed.
    """

    def __init__(self, module: str, arguments: Sequence[str], count: int):
        addresses = [f"localhost:{port}" for port in free_ports(count)]
        command = [sys.executable, "-m", module, *arguments]
        self._processes = [
            subprocess.Popen(
                command,
                env=environment(addresses, index),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C in a terminal reaches this process only, which forwards it.
                start_new_session=True,
                preexec_fn=kill_with_parent(),
            )
            for index in range(count)
        ]
        self._readers = [
            threading.Thread(target=copy_lines, args=(source, target, f"[{index}] "))
            for index, process in enumerate(self._processes)
            for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, request: StopRequest, grace: float) -> list[int]:
        """Waits for all workers and returns their exit codes.

        `grace` seconds after one failed the others get SIGTERM, and as many later SIGKILL.
        """
        forwarded, failed_at, terminated = 0, None, False
        while not all(process.poll() is not None for process in self._processes):
            now = time.monotonic()
            codes = [process.returncode for process in self._processes]
            if failed_at is None and any(codes):
                failed_at = now
                log(f"worker {next(i for i, c in enumerate(codes) if c)} failed")
            if request.count > forwarded:
                self._signal(signal.SIGTERM if forwarded == 0 else signal.SIGKILL)
                forwarded = request.count
            if failed_at is not None and now > failed_at + 2 * grace:
                self._signal(signal.SIGKILL)
            elif failed_at is not None and now > failed_at + grace and not terminated:
                self._signal(signal.SIGTERM)
                terminated = True
            time.sleep(POLL_SECONDS)
        self._kill_children_of_workers()
        for reader in self._readers:
            reader.join()
        codes = [process.returncode for process in self._processes]
        if any(codes):
            log(", ".join(f"worker {i}: {description(code)}" for i, code in enumerate(codes)))
        return codes

    def _signal(self, number: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)

    def _kill_children_of_workers(self) -> None:
        for process in self._processes:
            # A process group exists as long as one of its processes.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Free ports of this machine; another program may take one before the workers do."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("localhost", 0))
        return [sock.getsockname()[1] for sock in sockets]


def environment(addresses: Sequence[str], index: int) -> dict[str, str]:
    """Environment variables of a worker; numbers of threads that the user has set are kept."""
    threads = str(max(1, usable_cores() // len(addresses)))
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "TF_CONFIG": json.dumps(cluster),
    }


def usable_cores() -> int:
    """Number of CPU cores that this process may use; without an import of TensorFlow."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def kill_with_parent() -> Callable[[], None] | None:
    """`preexec_fn` that makes Linux kill a new process when this one ends; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here, because little is safe after the fork.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def set_parent_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            os._exit(RESTART)

    return set_parent_death_signal


def copy_lines(source: IO[bytes], target: TextIO, prefix: str) -> None:
    """Copies lines, each after the prefix, until the source ends."""
    for line in source:
        # The worker must not fail when nobody reads the output.
        with contextlib.suppress(BrokenPipeError):
            target.write(prefix + line.decode(errors="replace").rstrip("\n") + "\n")
            target.flush()


def description(code: int) -> str:
    """Description of an exit code of `subprocess`, which is negative for a signal."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return {DONE: "done", RESTART: "stopped, restart to resume"}.get(code, f"exit code {code}")


def log(message: object) -> None:
    """Writes one line on standard error."""
    print(f"launch_local: {message}", file=sys.stderr, flush=True)


def print_error(message: object) -> int:
    """Writes one line on standard error, and returns the exit code of a failure."""
    log(message)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
