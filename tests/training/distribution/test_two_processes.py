"""Two processes (MultiWorkerMirrored) against one, and what becomes of them when one ends."""

import signal

import numpy as np
import pytest

from deepfill_tf.storage.checkpoint_arrays import checkpoint_arrays
from deepfill_tf.storage.checkpoint_format import variables_prefix
from tests.training.small_run import ADAM
from tests.training.workers import (
    assert_same_model,
    codes,
    finish,
    two_workers,
    wait_for_checkpoint,
)

STEPS = 10
BINDINGS = [
    f"--gin_param={binding}"
    for binding in (
        "Trainer.actions = [@SaveCheckpoints()]",
        "SaveCheckpoints.every_steps = 1",
        "Trainer.max_checkpoints_to_keep = 100",
        f"Trainer.learning_rate = {ADAM['learning_rate']}",
        f"Trainer.max_steps = {STEPS}",
    )
]
WITH_MODEL = "--gin_param=Trainer.actions = [@SaveCheckpoints(), @ExportModel()]"


def saved(run_dir, step: int, part: str) -> dict[str, np.ndarray]:
    """Arrays of a checkpoint whose names begin with `part`."""
    prefix = variables_prefix(f"{run_dir}/checkpoints/step-{step}")
    return checkpoint_arrays(prefix, lambda name: name.startswith(part) and ".ATTRIBUTES" in name)


def assert_close_weights(one, two, step: int = STEPS) -> None:
    for network in ("generator/", "discriminator/"):
        weights, expected = saved(two, step, network), saved(one, step, network)
        assert weights.keys() == expected.keys()
        differences = np.concatenate(
            [np.abs(weights[name] - expected[name]).ravel() for name in expected]
        )
        assert differences.mean() < 2e-6
        assert differences.max() < 5e-4


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("alone")
    finish(run_dir, *BINDINGS)
    return run_dir


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("together")
    with two_workers(run_dir, *BINDINGS, WITH_MODEL) as processes:
        assert codes(processes) == [0, 0]
    return run_dir


def test_gradients_agree_with_those_of_one_process(alone, together):
    """After one update the first moments are the gradients, times 1 - beta_1."""
    for network in ("generator_optimizer", "discriminator_optimizer"):
        gradients = saved(together, 1, f"{network}/named/first")
        expected = saved(alone, 1, f"{network}/named/first")
        assert len(expected) > 10
        for name, gradient in expected.items():
            norm = np.linalg.norm(gradient)
            assert np.linalg.norm(gradients[name] - gradient) <= 1e-4 * norm + 1e-9, name


def test_weights_agree_with_those_of_one_process(alone, together):
    assert_close_weights(alone, together)


def test_told_to_stop_all_stop_at_one_step_and_one_process_goes_on(alone, tmp_path):
    run_dir = tmp_path / "run"
    endless = [*BINDINGS, "--gin_param=Trainer.max_steps = 100000"]
    with two_workers(run_dir, *endless) as processes:
        wait_for_checkpoint(run_dir, 2, processes[0])
        processes[1].terminate()  # not the chief
        assert codes(processes) == [75, 75]
    newest = max(int(path.name[5:]) for path in run_dir.glob("checkpoints/step-*"))
    errors = finish(run_dir, *BINDINGS, f"--gin_param=Trainer.max_steps = {max(newest, STEPS)}")
    assert f"resuming from step {newest}" in errors
    assert "replicas was 2 and is 1" in errors
    assert_close_weights(alone, run_dir)


@pytest.mark.parametrize("victim", [0, 1], ids=["chief", "other"])
def test_a_killed_worker_ends_the_other_and_all_go_on(together, tmp_path, victim):
    run_dir = tmp_path / "run"
    endless = [*BINDINGS, "--gin_param=Trainer.max_steps = 100000"]
    with two_workers(run_dir, *endless) as processes:
        wait_for_checkpoint(run_dir, 3, processes[0])
        processes[victim].kill()
        ended = codes(processes)
        assert ended[victim] == -signal.SIGKILL
        assert ended[1 - victim] == 75
    # What came after step 3 is taken away, so that all goes to the same last step.
    for path in run_dir.glob("checkpoints/step-*"):
        if int(path.name[5:]) > 3:
            path.rename(path.with_name(f"later-{path.name}"))
    with two_workers(run_dir, *BINDINGS, WITH_MODEL) as processes:
        assert codes(processes) == [0, 0]
    assert_same_model(run_dir, together)
    assert_close_weights(together, run_dir)
