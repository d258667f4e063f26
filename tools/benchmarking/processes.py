"""The protocol of the processes in which computations are measured.

The command is started with one more argument, a JSON object that describes the computation (see
`benchmark.py --help`). The process writes lines on its standard output:

    ready           it can run the computation; or
    unsupported     it has no such computation, and ends
    {"seconds": 1.23, ...}
                    after every line `run` on its standard input: it has run the computation once

and ends when its standard input does. Besides `seconds`, a measurement may have `user_seconds`,
`system_seconds` and `page_faults` of the run, `peak_bytes`, the peak resident memory of the process
so far, and `gflop`. Any other line is an error; standard error is free. A rival in Python:

    import json, sys, time

    parameters = json.loads(sys.argv[-1])
    if parameters["task"] != "train":
        sys.exit(print("unsupported"))
    step = ...
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        step()
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from benchmarking.comparisons import Subject
from benchmarking.machine import peak_bytes
from deepfill_tf.errors import UserError

READY, UNSUPPORTED, RUN = "ready", "unsupported", "run"
MEASURES = (
    "seconds",
    "user_seconds",
    "system_seconds",
    "page_faults",
    "peak_bytes",
    "gflop",
)
# A process that does not end this long after its standard input is killed.
SECONDS_TO_END = 30


class MeasuredProcess:
    """A process that runs one computation again and again.

    Args:
      name: in messages.
      command: the program and its arguments.
      parameters: describes the computation.

    Raises UserError, here and in all methods, if the process does not keep to the protocol.
    """

    def __init__(self, name: str, command: Sequence[str], parameters: dict):
        self.name = name
        self._notices = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [*command, json.dumps(parameters)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._notices,
                text=True,
            )
        except OSError as error:
            raise UserError(f"{name}: cannot start {command[0]!r}: {error.strerror}") from error

    def is_supported(self) -> bool:
        """Waits until the process is ready. Returns whether it can run the computation."""
        answer = self._line()
        if answer not in (READY, UNSUPPORTED):
            raise UserError(
                f"{self.name}: expected the line {READY!r} or {UNSUPPORTED!r}, got {answer!r}"
            )
        return answer == READY

    def run(self) -> dict[str, float]:
        """Runs the computation once and returns its measures."""
        # A process that has ended does not answer.
        with contextlib.suppress(BrokenPipeError):
            print(RUN, file=self._process.stdin, flush=True)
        answer = self._line()
        try:
            measures = json.loads(answer)
            valid = measures["seconds"] > 0
        except (ValueError, TypeError, KeyError):
            valid = False
        if not valid:
            raise UserError(
                f"{self.name}: expected a JSON object with the positive number seconds, "
                f"got {answer!r}"
            )
        return {name: measures[name] for name in MEASURES if name in measures}

    def close(self) -> None:
        """Lets the process end."""
        try:
            self._process.communicate(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._notices.close()

    def _line(self) -> str:
        answer = self._process.stdout.readline()
        if answer:
            return answer.strip()
        self._process.wait()
        self._notices.seek(0)
        last = (self._notices.read().strip().splitlines() or ["nothing on standard error"])[-1]
        raise UserError(
            f"{self.name}: its process ended with exit code {self._process.returncode}: {last}"
        )


def serve(make_subject: Callable[[], Subject] | None) -> None:
    """This process's side: makes a subject, if there is one, and runs it when it is told to."""
    if make_subject is None:
        print(UNSUPPORTED)
        return
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    subject = make_subject()
    known = {} if subject.gflop is None else {"gflop": subject.gflop}
    print(READY, file=answers, flush=True)
    for _ in sys.stdin:
        measures = subject.measure()
        # A subject that measures another process knows its peak.
        print(json.dumps({"peak_bytes": peak_bytes()} | measures | known), file=answers, flush=True)
    subject.close()
