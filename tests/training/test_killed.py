"""Killed at any moment, inside a save too, and started again: the same weights, bit for bit."""

import random
import signal
import time

import pytest

from tests.training.workers import assert_same_model, finish, start, wait_for_checkpoint

KILLS = 20
STEPS_BETWEEN = 8
ARGUMENTS = [
    f"--gin_param={binding}"
    for binding in (
        f"Trainer.max_steps = {KILLS * STEPS_BETWEEN + 40}",
        "Trainer.actions = [@SaveCheckpoints(), @ExportModel()]",
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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_ended_at_twenty_random_moments(whole, tmp_path, number):
    """Every other time inside a save, which is when a directory of an unfinished one is there."""
    run_dir, moments = tmp_path / "run", random.Random(int(number))
    for kill in range(KILLS):
        process = start(run_dir, *ARGUMENTS)
        inside_a_save = kill % 2 == 0
        step = 1 + kill * STEPS_BETWEEN
        wait_for_checkpoint(run_dir, step, process, unfinished=inside_a_save)
        time.sleep(moments.uniform(0, 0.02 if inside_a_save else 0.2))
        process.send_signal(number)
        process.communicate()
        assert process.returncode == (-number if number == signal.SIGKILL else 75)
    assert "going on from step" in finish(run_dir, *ARGUMENTS)
    assert_same_model(run_dir, whole)


@pytest.mark.slow
def test_killed_while_starting(whole, tmp_path):
    """Before the first checkpoint, in importing, building and tracing."""
    run_dir, moments = tmp_path / "run", random.Random(0)
    for _ in range(5):
        process = start(run_dir, *ARGUMENTS)
        time.sleep(moments.uniform(1, 8))
        process.kill()
        process.communicate()
    finish(run_dir, *ARGUMENTS)
    assert_same_model(run_dir, whole)
