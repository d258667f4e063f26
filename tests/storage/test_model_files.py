"""Models as two files, without a SavedModel beside them."""

import hashlib
import json
import os
import shutil
import struct

import numpy as np
import pytest
import safetensors.numpy

from deepfill_tf import load_generator
from deepfill_tf.errors import UserError
from deepfill_tf.storage import loading
from deepfill_tf.storage.model_files import Provenance, write_model_files
from deepfill_tf.storage.weights import in_half_precision, weights_of
from tests.small_generators import random_images, random_masks


@pytest.fixture
def changeable(model_directory, tmp_path):
    return shutil.copytree(model_directory, tmp_path / "model")


def test_load_generator_gives_the_same_model_bit_for_bit(generator, model_directory):
    loaded = load_generator(model_directory)
    assert type(loaded) is type(generator)
    for name, array in weights_of(generator).items():
        np.testing.assert_array_equal(weights_of(loaded)[name], array, err_msg=name)
    images = random_images(2, 24, 32, 3).astype(np.float32) / 127.5 - 1
    masks = (random_masks(2, 24, 32) > 127).astype(np.float32)
    for ours, theirs in zip(generator(images, masks), loaded(images, masks), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_half_precision_is_rounded_once_and_read_exactly(generator, tmp_path):
    write_model_files(
        generator, tmp_path, Provenance("a test's random numbers"), half_precision=True
    )
    stored = safetensors.numpy.load_file(tmp_path / "weights.safetensors")
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    loaded = load_generator(tmp_path)
    for name, array in weights_of(loaded).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, stored[name].astype(np.float32), err_msg=name)
        given = weights_of(generator)[name]
        np.testing.assert_allclose(array, given, rtol=2**-11, atol=2**-25, err_msg=name)
    # Written again they are the same bytes.
    (tmp_path / "again").mkdir()
    write_model_files(loaded, tmp_path / "again", Provenance("again"), half_precision=True)
    files = [folder / "weights.safetensors" for folder in (tmp_path, tmp_path / "again")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_numbers_beyond_half_precision_are_refused():
    with pytest.raises(UserError, match="'a/kernel' has a number of size 65520, which float16"):
        in_half_precision({"a/kernel": np.array([1, -65520], np.float32)})


def test_without_a_path_it_is_the_model_of_the_package(model_directory, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "DEFAULT_MODEL", tmp_path / "nowhere")
    for path in (None, loading.DEFAULT_MODEL):
        with pytest.raises(UserError, match=r"no default model \(there is no .*nowhere/model.json"):
            load_generator(path)
    monkeypatch.setattr(loading, "DEFAULT_MODEL", model_directory)
    expected, loaded = load_generator(model_directory), load_generator()
    for name, array in weights_of(expected).items():
        np.testing.assert_array_equal(weights_of(loaded)[name], array, err_msg=name)


def damage(folder, what):
    weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    description = json.loads((folder / "model.json").read_text())
    if what == "missing":
        del weights["coarse/conv3/bias"]
    elif what == "extra":
        weights["coarse/conv99/bias"] = np.zeros(3, np.float32)
    elif what == "shape":
        weights["refinement/xconv1/kernel"] = np.zeros([3, 3, 3, 8], np.float32)
    elif what == "not a number":
        weights["coarse/conv3/bias"][1] = np.nan
    elif what == "infinite":
        weights["coarse/conv3/bias"] = np.full(weights["coarse/conv3/bias"].shape, 1e39)
    elif what == "width":
        description["architecture"]["arguments"]["width"] = 10**9
    elif what == "rate":
        description["architecture"]["arguments"]["attention_options"] = {"rate": 10**9}
    elif what == "class":
        description["architecture"]["class"] = "GeneratorV9"
    elif what == "arguments":
        description["architecture"]["arguments"]["depth"] = 7
    elif what == "no architecture":
        del description["architecture"]
    del description["weights_sha256"]  # of the weights before the damage
    safetensors.numpy.save_file(weights, folder / "weights.safetensors")
    (folder / "model.json").write_text(json.dumps(description))
    if what == "truncated":
        os.truncate(folder / "weights.safetensors", 1000)
    elif what == "no weights":
        (folder / "weights.safetensors").unlink()
    elif what == "no json":
        (folder / "model.json").write_text("{")
    elif what == "nested":
        (folder / "model.json").write_text("[" * 10**6)
    elif what == "long header":  # that claims a terabyte
        content = (folder / "weights.safetensors").read_bytes()
        (folder / "weights.safetensors").write_bytes(struct.pack("<Q", 10**12) + content[8:])
    elif what == "lying header":  # one tensor ends beyond the file
        header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()
        (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    elif what == "pipe":
        (folder / "weights.safetensors").unlink()
        os.mkfifo(folder / "weights.safetensors")


@pytest.mark.parametrize(
    "what, message",
    [
        ("missing", "no weight 'coarse/conv3/bias'"),
        ("extra", "a weight 'coarse/conv99/bias'"),
        ("shape", r"'refinement/xconv1/kernel' has shape \(3, 3, 3, 8\).*\(5, 5, 3, 8\)"),
        ("not a number", "'coarse/conv3/bias' has values that are not finite"),
        ("infinite", "'coarse/conv3/bias' has values that are not finite"),
        ("width", "too few for a network of width=1000000000"),
        ("rate", "too few for a network of rate=1000000000"),
        ("nested", "cannot read the model's description"),
        ("long header", "cannot read the weights"),
        ("lying header", "cannot read the weights"),
        ("pipe", "not a regular file"),
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
    with pytest.raises(UserError, match=message) as error:
        load_generator(changeable)
    assert "\n" not in str(error.value)


def test_weights_of_another_checksum_are_refused(changeable):
    description = json.loads((changeable / "model.json").read_text())
    content = bytearray((changeable / "weights.safetensors").read_bytes())
    assert description["weights_sha256"] == hashlib.sha256(content).hexdigest()
    content[-1] ^= 1
    (changeable / "weights.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="not the file that its model.json describes"):
        load_generator(changeable)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither a model directory"):
        load_generator(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        load_generator(tmp_path / "nowhere")


def test_a_saved_model_alone_cannot_be_loaded(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(UserError, match="cannot be loaded as a Keras model"):
        load_generator(tmp_path)
