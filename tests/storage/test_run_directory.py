import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import load_generator
from deepfill_tf.compat import VariableBundle, named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.storage.checkpoint_format import (
    directory_name,
    variables_prefix,
    write_manifest,
)
from deepfill_tf.storage.loading import load_with_provenance
from deepfill_tf.storage.weights import weights_of


def write_checkpoint(run, generator, step, ema=None):
    """What training writes."""
    bundles = {"generator": VariableBundle(named_variables(generator.weights))}
    if ema is not None:
        bundles["ema"] = VariableBundle(named_variables(ema.trainable_weights))
    folder = run / "checkpoints"
    path = str(folder / directory_name(step))
    tf.train.Checkpoint(**bundles, step=tf.Variable(step)).write(variables_prefix(path))
    write_manifest(path, {"step": step})
    architectures = {"generator": architecture_of(generator)}
    (folder / "architecture.json").write_text(json.dumps(architectures))


def assert_same_weights(model, expected):
    actual, expected = weights_of(model), weights_of(expected)
    assert set(actual) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(actual[name], array, err_msg=name)


def test_the_newest_checkpoint_is_taken(generator, another_generator, tmp_path):
    write_checkpoint(tmp_path, another_generator, 9)
    write_checkpoint(tmp_path, generator, 10)
    loaded, provenance = load_with_provenance(tmp_path)
    assert_same_weights(loaded, generator)
    assert provenance.step == 10


def test_a_corrupt_checkpoint_is_skipped(generator, another_generator, tmp_path, caplog):
    write_checkpoint(tmp_path, generator, 9)
    write_checkpoint(tmp_path, another_generator, 10)
    (tmp_path / "checkpoints" / "step-10" / "variables.index").unlink()
    assert_same_weights(load_generator(tmp_path), generator)
    assert "step-10: variables.index is missing" in caplog.text


def test_a_run_directory_may_be_moved(generator, tmp_path):
    write_checkpoint(tmp_path / "run", generator, 5)
    shutil.move(tmp_path / "run", tmp_path / "moved")
    assert_same_weights(load_generator(tmp_path / "moved"), generator)


def test_the_moving_average_is_preferred(generator, another_generator, tmp_path):
    write_checkpoint(tmp_path, another_generator, 5, ema=generator)
    assert_same_weights(load_generator(tmp_path), generator)


@pytest.mark.parametrize("step, newer", [(5, False), (7, False), (8, True)])
def test_the_model_is_taken_unless_training_has_gone_on(
    generator, another_generator, model_directory, tmp_path, step, newer
):
    shutil.copytree(model_directory, tmp_path / "model")  # step 7
    write_checkpoint(tmp_path, another_generator, step)
    assert_same_weights(load_generator(tmp_path), another_generator if newer else generator)


def test_a_run_without_anything_saved(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="neither a model nor a checkpoint yet"):
        load_generator(tmp_path)


def test_a_checkpoint_of_another_architecture(generator, tmp_path):
    write_checkpoint(tmp_path, generator, 5)
    other = {"class": "GeneratorV2", "arguments": {"width": 6}}
    (tmp_path / "checkpoints" / "architecture.json").write_text(json.dumps({"generator": other}))
    with pytest.raises(UserError, match=r"'coarse/conv1/bias' has shape \(8,\).*\(12,\)"):
        load_generator(tmp_path)
    (tmp_path / "checkpoints" / "architecture.json").unlink()
    with pytest.raises(UserError, match="architecture.json"):
        load_generator(tmp_path)


def test_a_corrupt_checkpoint_alone(generator, tmp_path):
    write_checkpoint(tmp_path, generator, 5)
    (tmp_path / "checkpoints" / "step-5" / "variables.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(UserError, match="none of the 1 checkpoints"):
        load_generator(tmp_path)
