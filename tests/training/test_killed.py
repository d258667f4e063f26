"""Ended at any moment, inside a save too, and started again: the same weights, bit for bit."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from deepfill_tf.storage.checkpoint_format import list_checkpoints, step_of
from tests.training.workers import (
    LONGEST,
    assert_same_model,
    finish,
    start,
    wait_for_checkpoint,
)

# What a process is at when its signal comes, and the seconds of which one is drawn at random from
# then on. Importing and tracing take seconds, a step and a save milliseconds.
MOMENTS = {
    "starting": (0.2, 3),
    "tracing": (0, 2),
    "stepping": (0, 0.2),
    "saving": (0, 0.02),
    "exporting": (0, 0.5),
}
# Times that the signal comes for each of the moments but the last; more for a longer search.
ROUNDS = int(os.environ.get("DEEPFILL_KILL_ROUNDS", "1"))
STEPS_BETWEEN = 8
LAST_STEP = 2 * ROUNDS * STEPS_BETWEEN + 40
ARGUMENTS = [
    f"--gin_param={binding}"
    for binding in (
        f"Trainer.max_steps = {LAST_STEP}",
        "Trainer.actions = [@SaveCheckpoints(), @ExportModel(), @CompareCompletion()]",
        "SaveCheckpoints.every_steps = 2",
        "Trainer.steps_per_loop = 2",
    )
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    run_dir = tmp_path_factory.mktemp("whole")
    finish(run_dir, *ARGUMENTS)
    return run_dir


def newest_step(run_dir) -> int:
    saved = list_checkpoints(str(Path(run_dir, "checkpoints")))
    return max((step_of(path) for path in saved), default=0)


def wait_until(condition, process) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[1]
        time.sleep(0.001)


def written(run_dir) -> int | None:
    """When the run's config was written."""
    config = Path(run_dir, "config.gin")
    return config.stat().st_mtime_ns if config.exists() else None


def wait_for(moment: str, run_dir, process) -> None:
    """Waits until a process that has just been started is at what `moment` names."""
    next_step = newest_step(run_dir) + STEPS_BETWEEN
    if moment == "tracing":
        # Written, or written anew, when the networks stand, before the first step.
        before = written(run_dir)
        wait_until(lambda: written(run_dir) != before, process)
    elif moment in ("stepping", "saving"):
        wait_for_checkpoint(run_dir, next_step, process, unfinished=moment == "saving")
    elif moment == "exporting":
        wait_until(lambda: list(Path(run_dir).glob(".model.*.tmp")), process)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_ended_at_random_moments(whole, tmp_path, number):
    run_dir, random_numbers = tmp_path / "run", random.Random(int(number))
    *moments, last = MOMENTS
    for moment in (*moments * ROUNDS, last):
        process = start(run_dir, *ARGUMENTS)
        wait_for(moment, run_dir, process)
        time.sleep(random_numbers.uniform(*MOMENTS[moment]))
        process.send_signal(number)
        _, errors = process.communicate(timeout=LONGEST)
        assert process.returncode in expected_codes(number, moment), errors
        if number == signal.SIGKILL:
            assert not (run_dir / "model").exists()
    errors = finish(run_dir, *ARGUMENTS)
    assert f"resuming from step {LAST_STEP}" in errors
    assert_same_model(run_dir, whole)
    assert (run_dir / "completed.png").exists()


def expected_codes(number: int, moment: str) -> tuple[int, ...]:
    if number == signal.SIGKILL:
        return (-signal.SIGKILL,)
    return {
        # Python's own way to end, or training's, if it listens already.
        "starting": (-signal.SIGTERM, 75),
        # All steps are done, and nothing is left to stop.
        "exporting": (0,),
    }.get(moment, (75,))
