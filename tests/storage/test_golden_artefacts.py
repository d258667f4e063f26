"""What earlier versions saved is read with the same results."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import Inpainter, UserError, load_generator

ARTEFACTS = Path(__file__).parents[1] / "golden_artefacts"
VERSIONS = sorted(path.parent.name for path in ARTEFACTS.glob("*/completed.npz"))


@pytest.fixture(params=VERSIONS)
def artefacts(request) -> Path:
    return ARTEFACTS / request.param


def assert_completes_as_recorded(inpainter, artefacts, name):
    recorded = np.load(artefacts / "completed.npz")
    completed = inpainter(recorded["image"], recorded["mask"])
    assert np.abs(completed.astype(int) - recorded[name]).max() <= 1


def test_there_is_a_version_and_all_are_small():
    assert "0.1.0" in VERSIONS
    for version in VERSIONS:
        files = (path for path in (ARTEFACTS / version).rglob("*") if path.is_file())
        assert sum(path.stat().st_size for path in files) < 1e6


@pytest.mark.parametrize("name", ["model", "run", "exported"])
def test_saved_weights_complete_an_image_as_recorded(artefacts, name):
    assert_completes_as_recorded(Inpainter.load(artefacts / name), artefacts, name)


def test_an_exported_saved_model_completes_an_image_as_recorded(artefacts):
    signature = tf.saved_model.load(str(artefacts / "exported")).signatures["serving_default"]

    def inpainter(image, mask):
        inputs = {"image": tf.constant(image[None]), "mask": tf.constant(mask[None, ..., None])}
        return signature(**inputs)["completed"][0].numpy()

    assert_completes_as_recorded(inpainter, artefacts, "exported")


def test_a_model_of_an_unknown_class_is_refused_in_one_line(artefacts, tmp_path):
    shutil.copytree(artefacts / "model", tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    description = json.loads(path.read_text())
    description["architecture"]["class"] = "GeneratorV9"
    path.write_text(json.dumps(description))
    with pytest.raises(UserError, match="no network called 'GeneratorV9' in this version") as error:
        load_generator(tmp_path / "model")
    assert "\n" not in str(error.value)
