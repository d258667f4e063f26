"""Stopped and resumed: the same variables, bit for bit, with both stages.

`test_killed` is about signals at any moment, with the first stage alone.
"""

import collections
import glob

import numpy as np
import tensorflow as tf

from deepfill_tf.storage.checkpoint_arrays import checkpoint_arrays
from deepfill_tf.storage.checkpoint_format import variables_prefix
from tests.training.workers import LONGEST, finish, start, wait_for_checkpoint

ARGUMENTS = [
    f"--gin_param={binding}"
    for binding in (
        "GeneratorV2.refinement = True",
        "Trainer.actions = [@ShowProgress(), @WarnIfInputBound(), @SaveCheckpoints(), "
        "@WriteScalars(), @Validate(), @WriteImages()]",
    )
]


def check_logs(run_dir) -> None:
    """Every loss, norms, rate, validation and images are in TensorBoard's files."""
    tags = collections.defaultdict(set)
    for path in glob.glob(f"{run_dir}/logs/events*"):
        for event in tf.compat.v1.train.summary_iterator(path):
            for value in event.summary.value:
                tags[value.tag].add(event.step)
    for network in ("generator", "discriminator"):
        assert {f"{network}/loss", f"{network}/gradient_norm"} <= tags.keys()
    assert {"learning_rate", "images_per_second", "input/stall_fraction"} <= tags.keys()
    assert "generator/reconstruction_coarse" in tags
    assert tags["generator/adversarial"] == {5, 10, 15, 20, 25, 30}
    for metric in ("l1", "l2", "psnr", "psnr_in_hole", "tv"):
        assert tags[f"validation/{metric}"] == {10, 20, 30}
    assert tags["validation"] == tags["batch"] == {10, 20, 30}


def test_stopped_and_resumed(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(whole, *ARGUMENTS)
    check_logs(whole)

    process = start(broken, *ARGUMENTS)
    wait_for_checkpoint(broken, 6, process)
    process.terminate()
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 75, errors
    assert "stop requested; saved checkpoint" in errors

    assert "resuming from step" in finish(broken, *ARGUMENTS)
    actual, expected = last_variables(broken), last_variables(whole)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(actual[name], value, err_msg=name)
    for run in (whole, broken):
        assert (run / "config.gin").exists()


def last_variables(run_dir) -> dict[str, np.ndarray]:
    """Of both networks and their optimizers, the moving average too, after the last step."""
    prefix = variables_prefix(f"{run_dir}/checkpoints/step-30")
    arrays = checkpoint_arrays(prefix, lambda name: ".ATTRIBUTES" in name)
    assert {name.split("/")[0] for name in arrays} >= {
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
        "ema",
    }
    return arrays


def test_two_processors_train_through_the_command(tmp_path):
    """A process of its own: TensorFlow divides its processor before it starts."""
    bindings = ["Trainer.max_steps = 2", 'strategy.devices = ["CPU:0", "CPU:1"]']
    bindings += ["Trainer.actions = [@SaveCheckpoints()]"]
    arguments = [f"--gin_param={binding}" for binding in bindings]
    assert "on 2 replica(s)" in finish(tmp_path / "run", *arguments)
