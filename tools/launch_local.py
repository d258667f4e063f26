#!/usr/bin/env python3
"""Starts the workers of a cluster as processes of this machine, to try a config at one's desk.

    python tools/launch_local.py --workers=2 -- --gin_file=quickstart.gin --run_dir=runs/x

What follows -- goes to every worker, `python -m deepfill_tf.train`. Each gets TF_CONFIG with a
free port of this machine for every worker, and its share of the processors' threads. Log lines
begin with the worker's number. SIGTERM and SIGINT become SIGTERM for all workers, which save and
end; a second one kills them. Exit codes, as those of one worker:

    0    all are done
    75   told to stop, or a worker was lost: start again, and training goes on
    1    something is wrong: starting again will not help

It is no way to train faster: workers on one machine share its processors and its memory.
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
from collections.abc import Sequence
from typing import IO, TextIO

DONE, WRONG, AGAIN = 0, 1, 75
SECONDS_BETWEEN_LOOKS = 0.1
# Linux: what a process is sent when the thread that started it ends.
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
        if code != AGAIN or request.count or attempt == arguments.restarts:
            return code
        say(f"starting all again, {arguments.restarts - attempt} restart(s) left")
    raise AssertionError("the last attempt returns")


def parsed(command_line: Sequence[str]) -> argparse.Namespace:
    """The arguments; `worker_arguments` are those after --. Raises ValueError for bad ones."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--workers=N] [--restarts=N] [--grace=SECONDS] [--module=NAME] -- ...",
        exit_on_error=False,
    )
    parser.add_argument("--workers", type=int, default=2, help="processes to start")
    parser.add_argument(
        "--restarts", type=int, default=0, help="how often all are started again on exit code 75"
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=60.0,
        help="seconds that the others have when a worker ended with an error, until SIGTERM, and "
        "again until SIGKILL",
    )
    parser.add_argument(
        "--module", default="deepfill_tf.train", help="what every worker runs: python -m MODULE"
    )
    own, dashes, rest = partition(command_line, "--")
    try:
        arguments, unknown = parser.parse_known_args(own)
    except argparse.ArgumentError as error:
        raise ValueError(error) from error
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no argument; those of the workers come after --")
    if not dashes:
        raise ValueError("the workers' arguments are missing: -- --gin_file=... --run_dir=...")
    if arguments.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {arguments.workers}")
    if arguments.restarts < 0:
        raise ValueError(f"--restarts must be at least 0, got {arguments.restarts}")
    if arguments.grace < 0:
        raise ValueError(f"--grace must be at least 0, got {arguments.grace}")
    arguments.worker_arguments = rest
    return arguments


def partition(items: Sequence[str], mark: str) -> tuple[list[str], bool, list[str]]:
    """What is before the first mark, whether there is one, and what is after it."""
    if mark not in items:
        return list(items), False, []
    place = list(items).index(mark)
    return list(items[:place]), True, list(items[place + 1 :])


def exit_code(codes: Sequence[int]) -> int:
    """One exit code for those of all workers; below 0 is the signal that killed one.

    A worker that was killed is a lost one, whatever killed it: the others can go on only by
    starting again. One that says by itself that something is wrong outweighs that.
    """
    if all(code == DONE for code in codes):
        return DONE
    return AGAIN if all(code in (DONE, AGAIN) or code < 0 for code in codes) else WRONG


class StopRequest:
    """Counts SIGTERM and SIGINT from now on."""

    def __init__(self):
        self.count = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number, frame) -> None:
        self.count += 1


class Workers:
    """Processes `python -m module arguments`, workers of one cluster on this machine.

    None outlives this process: on Linux the kernel kills them with it.
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
                # Ctrl-C in a terminal reaches this process only, which sends SIGTERM once.
                start_new_session=True,
                preexec_fn=ends_with_its_parent(),
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
        """The exit codes, when all have ended.

        When one ended with an error, the others have `grace` seconds until SIGTERM, and as
        many until SIGKILL.
        """
        forwarded, failed_at, ended = 0, None, False
        while not all(process.poll() is not None for process in self._processes):
            now = time.monotonic()
            codes = [process.returncode for process in self._processes]
            if failed_at is None and any(codes):
                failed_at = now
                say(f"worker {next(i for i, c in enumerate(codes) if c)} ended with an error")
            if request.count > forwarded:
                self._signal(signal.SIGTERM if forwarded == 0 else signal.SIGKILL)
                forwarded = request.count
            if failed_at is not None and now > failed_at + 2 * grace:
                self._signal(signal.SIGKILL)
            elif failed_at is not None and now > failed_at + grace and not ended:
                self._signal(signal.SIGTERM)
                ended = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._end_what_they_left()
        for reader in self._readers:
            reader.join()
        codes = [process.returncode for process in self._processes]
        if any(codes):
            say(", ".join(f"worker {i}: {meaning(code)}" for i, code in enumerate(codes)))
        return codes

    def _signal(self, number: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)

    def _end_what_they_left(self) -> None:
        for process in self._processes:
            # A group lives as long as anyone in it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; another program could still take one before we do."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def environment(addresses: Sequence[str], index: int) -> dict[str, str]:
    """This process's variables with those of a worker; what the user set of threads stays."""
    threads = str(max(1, usable_processors() // len(addresses)))
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "TF_CONFIG": json.dumps(cluster),
    }


def usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ends_with_its_parent():
    """What a new process does before anything else so that it never outlives this one, or None.

    Only Linux can do that, where SIGKILL of this process gives it no chance to end others.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here: after the fork as little as possible may happen.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended in between
            os._exit(AGAIN)

    return ask_the_kernel


def copy_lines(source: IO[bytes], target: TextIO, mark: str) -> None:
    """Copies lines, each with the mark before it, until the source ends."""
    for line in source:
        # A reader that went away ends the copy, not the worker that writes.
        with contextlib.suppress(BrokenPipeError):
            target.write(mark + line.decode(errors="replace").rstrip("\n") + "\n")
            target.flush()


def meaning(code: int) -> str:
    """An exit code in words, as `subprocess` gives it."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    words = {DONE: "done", AGAIN: "stopped, start again"}
    return words.get(code, f"exit code {code}")


def say(message: object) -> None:
    print(f"launch_local: {message}", file=sys.stderr, flush=True)


def print_error(message: object) -> int:
    say(message)
    return WRONG


if __name__ == "__main__":
    sys.exit(main())
