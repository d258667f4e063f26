import json
import os
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import deepfill_tf
from deepfill_tf.compat import named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.inference import load_generator, save_model_directory
from deepfill_tf.inference import model_directory as module
from deepfill_tf.storage.weights import weights_of
from tests.small_generators import random_images, random_masks, small_generator


@pytest.fixture
def changeable(model_directory, tmp_path):
    return shutil.copytree(model_directory, tmp_path / "model")


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_load_generator_gives_the_same_model_bit_for_bit(generator, model_directory):
    loaded = load_generator(model_directory)
    assert type(loaded) is type(generator)
    for name, array in weights_of(generator).items():
        np.testing.assert_array_equal(weights_of(loaded)[name], array, err_msg=name)
    images = random_images(2, 24, 32, 3).astype(np.float32) / 127.5 - 1
    masks = (random_masks(2, 24, 32) > 127).astype(np.float32)
    for ours, theirs in zip(generator(images, masks), loaded(images, masks), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_directory_describes_itself(generator, model_directory):
    description = json.loads((model_directory / "model.json").read_text())
    assert description["architecture"]["class"] == "GeneratorV2"
    assert description["architecture"]["arguments"]["width"] == 4
    assert description["origin"] == "a test's random numbers"
    assert description["step"] == 7
    assert description["package_version"] == deepfill_tf.__version__
    assert (model_directory / "saved_model.pb").is_file()
    weights = safetensors.numpy.load_file(model_directory / "weights.safetensors")
    assert set(weights) == set(named_variables(generator.weights))
    # Everyone may read it who may read the rest.
    modes = {os.stat(p).st_mode & 0o777 for p in model_directory.iterdir() if p.is_file()}
    assert len(modes) == 1


def test_loading_does_not_need_the_saved_model(generator, changeable):
    (changeable / "saved_model.pb").unlink()
    shutil.rmtree(changeable / "variables")
    loaded = load_generator(changeable)
    np.testing.assert_array_equal(
        weights_of(loaded)["coarse/conv1/kernel"], weights_of(generator)["coarse/conv1/kernel"]
    )


def test_a_bfloat16_generator_is_saved_in_float32(generator, tmp_path):
    """Without its refinement, which takes long to save; the coarse weights are the same."""
    narrow = small_generator(refinement=False, dtype="mixed_bfloat16")
    assert narrow.compute_dtype == "bfloat16"
    save_model_directory(narrow, tmp_path / "model", origin="test")
    raw = tf.saved_model.load(str(tmp_path / "model")).signatures["raw"]
    images = random_images(1, 24, 32, 3).astype(np.float32) / 127.5 - 1
    masks = (random_masks(1, 24, 32) > 127).astype(np.float32)
    actual = raw(image=tf.constant(images), mask=tf.constant(masks))["coarse"]
    np.testing.assert_allclose(actual, generator(images * (1 - masks), masks)[0], atol=1e-5)


@pytest.fixture
def quick_save(monkeypatch):
    """The SavedModel takes seconds to write and is not what these tests are about."""
    monkeypatch.setattr(
        tf.saved_model,
        "save",
        lambda _, path, signatures: (module.Path(path) / "saved_model.pb").touch(),
    )


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
        monkeypatch.setattr(module.safetensors.numpy, "save", fail)
    else:
        rename = module.Path.rename
        monkeypatch.setattr(
            module.Path,
            "rename",
            lambda old, new: fail() if old.name.endswith(".new") else rename(old, new),
        )
    with pytest.raises(UserError, match="No space left on device"):
        save_model_directory(another_generator, changeable, origin="another")
    assert contents(changeable) == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_other_folders_and_files_are_not_overwritten(generator, tmp_path, quick_save):
    (tmp_path / "thesis.txt").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.txt", tmp_path / "thesis.txt" / "model"):
        with pytest.raises(UserError, match="thesis.txt|holds other things"):
            save_model_directory(generator, path, origin="test")
    assert contents(tmp_path) == {module.Path("thesis.txt"): b"years of work"}


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
    assert contents(tmp_path) == {module.Path("model.json"): b"{}"}


def test_notes_added_to_a_model_directory_are_not_lost(generator, changeable, quick_save):
    (changeable / "NOTES.txt").write_text("the good one")
    before = contents(changeable)
    with pytest.raises(UserError, match="also holds 'NOTES.txt', which would be lost"):
        save_model_directory(generator, changeable, origin="test")
    assert contents(changeable) == before


def damage(folder, what):
    weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    description = json.loads((folder / "model.json").read_text())
    if what == "missing":
        del weights["coarse/conv3/bias"]
    elif what == "extra":
        weights["coarse/conv99/bias"] = np.zeros(3, np.float32)
    elif what == "shape":
        weights["refinement/xconv1/kernel"] = np.zeros([3, 3, 3, 8], np.float32)
    elif what == "class":
        description["architecture"]["class"] = "GeneratorV9"
    elif what == "arguments":
        description["architecture"]["arguments"]["depth"] = 7
    elif what == "no architecture":
        del description["architecture"]
    safetensors.numpy.save_file(weights, folder / "weights.safetensors")
    (folder / "model.json").write_text(json.dumps(description))
    if what == "truncated":
        os.truncate(folder / "weights.safetensors", 1000)
    elif what == "no weights":
        (folder / "weights.safetensors").unlink()
    elif what == "no json":
        (folder / "model.json").write_text("{")


@pytest.mark.parametrize(
    "what, message",
    [
        ("missing", "no weight 'coarse/conv3/bias'"),
        ("extra", "a weight 'coarse/conv99/bias'"),
        ("shape", r"'refinement/xconv1/kernel' has shape \(3, 3, 3, 8\).*\(5, 5, 3, 8\)"),
        ("class", "no network called 'GeneratorV9'.*GeneratorV2"),
        ("arguments", "depth"),
        ("no architecture", "architecture"),
        ("truncated", "cannot read the weights"),
        ("no weights", "cannot read the weights"),
        ("no json", "cannot read the model's description"),
    ],
)
def test_damage_is_named(changeable, what, message):
    damage(changeable, what)
    with pytest.raises(UserError, match=message):
        load_generator(changeable)


def test_what_is_no_model_is_said(tmp_path):
    with pytest.raises(UserError, match="no model directory"):
        load_generator(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        load_generator(tmp_path / "nowhere")
