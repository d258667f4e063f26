"""Killed at any moment and started again: the same weights, bit for bit."""

import collections
import glob
import signal

import tensorflow as tf

from tests.training.workers import assert_same_model, finish, start, wait_for_checkpoint


def check_logs(run_dir) -> None:
    """Every loss, norms, rate, validation and images are in TensorBoard's files."""
    tags = collections.defaultdict(set)
    for path in glob.glob(f"{run_dir}/logs/*"):
        for event in tf.compat.v1.train.summary_iterator(path):
            for value in event.summary.value:
                tags[value.tag].add(event.step)
    for player in ("generator", "discriminator"):
        assert {f"{player}/loss", f"{player}/gradient_norm"} <= tags.keys()
    assert {"learning_rate", "images_per_second", "input/stall_fraction"} <= tags.keys()
    assert "generator/reconstruction_coarse" in tags
    assert tags["generator/adversarial"] == {5, 10, 15, 20, 25, 30}
    for metric in ("l1", "l2", "psnr", "psnr_in_hole", "tv"):
        assert tags[f"validation/{metric}"] == {10, 20, 30}
    assert tags["validation"] == tags["batch"] == {10, 20, 30}


def test_killed_and_told_to_stop_and_started_again(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(whole)
    check_logs(whole)

    process = start(broken)
    wait_for_checkpoint(broken, 6, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (broken / "model").exists()

    process = start(broken)
    wait_for_checkpoint(broken, 15, process)
    process.terminate()
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 75, errors
    assert "going on from step" in errors
    assert "told to stop: saved" in errors

    assert "going on from step" in finish(broken)
    assert_same_model(broken, whole)
    for run in (whole, broken):
        assert (run / "completed.png").exists()
        assert (run / "config.gin").exists()


def test_two_processors_train_through_the_command(tmp_path):
    """A process of its own: TensorFlow divides its processor before it starts."""
    bindings = ["Trainer.max_steps = 2", 'Trainer.devices = ["CPU:0", "CPU:1"]']
    bindings += ["Trainer.actions = [@SaveCheckpoints()]"]
    arguments = [f"--gin_param={binding}" for binding in bindings]
    assert "on 2 replica(s)" in finish(tmp_path / "run", *arguments)
