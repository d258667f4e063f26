import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import deepfill_tf
from deepfill_tf import file_system
from deepfill_tf.compat import named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.inference import save_model_directory
from tests.small_generators import random_images, random_masks, small_generator


@pytest.fixture
def changeable(model_directory, tmp_path):
    return shutil.copytree(model_directory, tmp_path / "model")


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_model_directory_describes_itself(generator, model_directory):
    description = json.loads((model_directory / "model.json").read_text())
    assert description["architecture"]["class"] == "GeneratorV2"
    assert description["architecture"]["arguments"]["width"] == 4
    assert description["origin"] == "a test's random numbers"
    assert description["step"] == 7
    assert description["package_version"] == deepfill_tf.__version__
    saved = saved_model_pb2.SavedModel.FromString((model_directory / "saved_model.pb").read_bytes())
    assert not saved.meta_graphs[0].graph_def.library.registered_gradients
    weights = safetensors.numpy.load_file(model_directory / "weights.safetensors")
    assert set(weights) == set(named_variables(generator.weights))
    # Everyone may read it who may read the rest.
    modes = {os.stat(p).st_mode & 0o777 for p in model_directory.iterdir() if p.is_file()}
    assert len(modes) == 1


def test_a_bfloat16_generator_is_saved_in_float32(generator, tmp_path):
    """Without its refinement, which takes long to save; the coarse weights are the same."""
    narrow = small_generator(refinement=False, dtype="mixed_bfloat16")
    assert narrow.compute_dtype == "bfloat16"
    save_model_directory(narrow, tmp_path / "model", origin="test")
    raw = tf.saved_model.load(str(tmp_path / "model")).signatures["raw"]
    images = random_images(1, 24, 32, 3).astype("float32") / 127.5 - 1
    masks = (random_masks(1, 24, 32) > 127).astype("float32")
    actual = raw(image=tf.constant(images), mask=tf.constant(masks))["coarse"]
    np.testing.assert_allclose(actual, generator(images * (1 - masks), masks)[0], atol=1e-5)


@pytest.fixture
def quick_save(monkeypatch):
    """A SavedModel of an empty module: these tests do not need one that takes seconds."""
    save = tf.saved_model.save
    monkeypatch.setattr(tf.saved_model, "save", lambda _, path, **__: save(tf.Module(), path))


def test_an_older_model_directory_is_replaced(another_generator, changeable, tmp_path, quick_save):
    save_model_directory(another_generator, changeable, origin="another")
    assert json.loads((changeable / "model.json").read_text())["origin"] == "another"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("moment", ["while writing", "while switching"])
def test_a_failure_leaves_the_older_one(
    another_generator, changeable, tmp_path, quick_save, monkeypatch, moment
):
    before = contents(changeable)

    def fail(*arguments, **keywords):
        raise OSError("No space left on device")

    if moment == "while writing":
        monkeypatch.setattr(safetensors.numpy, "save", fail)
    else:
        rename = file_system.rename
        monkeypatch.setattr(
            file_system,
            "rename",
            lambda old, new: fail() if old.endswith(f"{os.getpid()}.tmp") else rename(old, new),
        )
    with pytest.raises(UserError, match="no space is left on the device"):
        save_model_directory(another_generator, changeable, origin="another")
    assert contents(changeable) == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_other_folders_and_files_are_not_overwritten(generator, tmp_path, quick_save):
    (tmp_path / "thesis.txt").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.txt", tmp_path / "thesis.txt" / "model"):
        with pytest.raises(UserError, match="thesis.txt|holds other things"):
            save_model_directory(generator, path, origin="test")
    assert contents(tmp_path) == {Path("thesis.txt"): b"years of work"}


@pytest.mark.parametrize(
    "description", ["{}", "[]", '"architecture"', "not JSON", '{"architecture": {}}']
)
def test_a_model_json_of_the_user_is_not_overwritten(generator, tmp_path, quick_save, description):
    (tmp_path / "model.json").write_text(description)
    (tmp_path / "thesis.txt").write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="thesis.txt|holds other things"):
        save_model_directory(generator, tmp_path, origin="test")
    assert contents(tmp_path) == before


def test_a_model_json_of_the_user_alone_is_not_overwritten(generator, tmp_path, quick_save):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(UserError, match="holds other things"):
        save_model_directory(generator, tmp_path, origin="test")
    assert contents(tmp_path) == {Path("model.json"): b"{}"}


def test_notes_added_to_a_model_directory_are_not_lost(generator, changeable, quick_save):
    (changeable / "NOTES.txt").write_text("the good one")
    before = contents(changeable)
    with pytest.raises(UserError, match="also holds 'NOTES.txt', which would be lost"):
        save_model_directory(generator, changeable, origin="test")
    assert contents(changeable) == before
