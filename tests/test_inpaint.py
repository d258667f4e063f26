"""The command `inpaint`: flags, exit codes, and what stands on standard error."""

import functools
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from deepfill_tf import Inpainter, inpaint
from deepfill_tf.storage import loading
from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.command_calls import assert_one_line, call, contents
from tests.small_generators import random_images, random_masks, small_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    generator = small_generator(refinement=False)
    write_model_files(generator, path, Provenance("a test's random numbers"))
    return path


@pytest.fixture(scope="module")
def load_once():
    """`Inpainter.load` that keeps what it loaded: a program is traced once for all tests."""
    return functools.cache(Inpainter.load)


@pytest.fixture(autouse=True)
def inpainters_are_kept(load_once, monkeypatch):
    monkeypatch.setattr(Inpainter, "load", load_once)


@pytest.fixture
def folder(tmp_path):
    """`a.png` and `b.png` in `images`, masks of the same names in `masks`."""
    for i, name in enumerate(("a.png", "b.png")):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
        image, mask = random_images(30, 41, 3, seed=i), random_masks(1, 30, 41, i)[0, :, :, 0]
        Image.fromarray(image).save(tmp_path / "images" / name)
        # Greys next to the threshold would be noted as soft edges.
        Image.fromarray((mask > 127) * np.uint8(255)).save(tmp_path / "masks" / name)
    return tmp_path


def test_folders(model, folder, capfd):
    paths = {"image": folder / "images", "mask": folder / "masks", "output": folder / "out"}
    assert call(inpaint, model=model, **paths) == 0
    assert "2 of 2" in capfd.readouterr().out
    before = contents(folder)
    assert call(inpaint, model=model, **paths) == 1
    assert_one_line(capfd, "a.png exists", "1 more", "--overwrite", "--skip_existing")
    assert call(inpaint, model=model, overwrite=True, skip_existing=True, **paths) == 1
    assert_one_line(capfd, "--overwrite and --skip_existing")
    assert contents(folder) == before
    (folder / "out" / "b.png").unlink()
    assert call(inpaint, model=model, skip_existing=True, **paths) == 0
    assert "1 of 2" in (out := capfd.readouterr().out) and "1 skipped" in out
    assert contents(folder) == before
    (folder / "images" / "a.png").write_bytes(b"no image")
    (folder / "images" / "notes.txt").write_text("nothing")
    assert call(inpaint, model=model, overwrite=True, **paths) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 2 and "a.png" in error and "notes.txt" in error
    (folder / "masks" / "b.png").unlink()
    before = contents(folder)
    assert call(inpaint, model=model, overwrite=True, **paths) == 1
    assert capfd.readouterr().err.count("\n") == 3
    assert contents(folder) == before


def test_a_dry_run_with_a_report(model, folder, capfd):
    paths = {"image": folder / "images", "mask": folder / "masks" / "a.png"}
    paths |= {"output": folder / "out", "report": folder / "report.json"}
    before = contents(folder)
    assert call(inpaint, model=model, dry_run=True, format="webp", **paths) == 0
    out = capfd.readouterr().out
    assert "would complete 2 of 2" in out and out.count("strategy exact: about") == 2
    report = json.loads((folder / "report.json").read_text())
    assert report["state"] == "planned" and report["counts"] == {"planned": 2, "left_out": 0}
    assert report["images"][1]["output"] == str(folder / "out" / "b.webp")
    assert report["settings"]["format"] == "webp"
    (folder / "report.json").unlink()
    assert contents(folder) == before


def test_ctrl_c_says_how_to_go_on(model, folder, capfd, monkeypatch):
    complete = Inpainter.__call__

    def interrupted(inpainter, image, mask):
        if (folder / "out" / "a.png").exists():
            raise KeyboardInterrupt
        return complete(inpainter, image, mask)

    paths = {"image": folder / "images", "mask": folder / "masks", "output": folder / "out"}
    with monkeypatch.context() as patch:
        patch.setattr(Inpainter, "__call__", interrupted)
        assert call(inpaint, model=model, report=folder / "r.json", **paths) == 130
    assert_one_line(capfd, "1 of 2 images are left", "--skip_existing")
    assert json.loads((folder / "r.json").read_text())["state"] == "interrupted"
    assert call(inpaint, model=model, report=folder / "r.json", skip_existing=True, **paths) == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"a.png", "b.png"}


@pytest.mark.parametrize(
    "changes, parts",
    [
        ({"model": "nowhere"}, ["no folder", "nowhere"]),
        ({"image": "images/z.png"}, ["z.png"]),
        ({"mask": "small.png"}, ["small.png", "9 x 8", "41 x 30"]),
        ({"image": "broken.png"}, ["broken.png"]),
        ({"output": "images/a.png"}, ["never overwritten"]),
        ({"output": "small.png/out.png"}, ["small.png"]),
        ({"output": "masks/b.png"}, ["exists", "--overwrite"]),
        ({"strategy": "tiles"}, ["strategy", "exact|crop|resize"]),
        ({"grow_hole": "-1"}, ["grow_hole", "-1"]),
        ({"mask": "masks"}, ["folder"]),
        ({"image": "images", "mask": "nowhere"}, ["no folder of masks"]),
        ({"format": "jpg"}, ["--format=jpg", "out.png"]),
        ({"report": "out.png"}, ["--report", "out.png", "is the output too"]),
    ],
)
def test_bad_input_of_inpaint(model, folder, capfd, changes, parts):
    Image.fromarray(np.zeros([8, 9], np.uint8)).save(folder / "small.png")
    (folder / "broken.png").write_bytes((folder / "images" / "a.png").read_bytes()[:99])
    before = contents(folder)
    values = {"image": "images/a.png", "mask": "masks/a.png", "output": "out.png"} | changes
    files = {"image", "mask", "output", "model", "report"}
    values = {"model": model} | {
        name: folder / value if name in files else value for name, value in values.items()
    }
    assert call(inpaint, **values) == 1
    assert_one_line(capfd, "deepfill-inpaint: ", *parts)
    assert contents(folder) == before


def test_a_comparison_shows_original_masked_and_completed(model, folder, capfd):
    paths = {"image": folder / "images" / "a.png", "mask": folder / "masks" / "a.png"}
    strip = folder / "new" / "strip.png"
    code = call(inpaint, model=model, **paths, output=folder / "out.png", comparison=strip)
    assert code == 0
    image, mask, out, panels = (
        np.asarray(Image.open(path)) for path in (*paths.values(), folder / "out.png", strip)
    )
    masked = np.where(mask[:, :, None] > 127, 255, image)
    np.testing.assert_array_equal(panels, np.concatenate([image, masked, out], axis=1))

    deep, strip_of_deep = folder / "deep.png", folder / "strip_of_deep.png"
    cv2.imwrite(str(deep), image[:, :, ::-1].astype(np.uint16) * 257)
    files = {"image": deep, "mask": paths["mask"], "output": folder / "deep_out.png"}
    assert call(inpaint, model=model, **files, comparison=strip_of_deep) == 0
    out = cv2.imread(str(files["output"]), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
    panels = np.asarray(Image.open(strip_of_deep))
    expected = np.concatenate([image, masked, np.rint(out / 257)], axis=1)
    np.testing.assert_array_equal(panels, expected)

    before = contents(folder)
    files = {**paths, "output": folder / "b.png", "overwrite": True}
    for name in ("image", "output"):
        assert call(inpaint, model=model, **files, comparison=files[name]) == 1
        assert_one_line(capfd, f"is the {name} too")
    wrong = {
        strip: "exists; pass --overwrite",
        folder / "strip.doc": "'.doc' is not the suffix",
    }
    for path, message in wrong.items():
        code = call(inpaint, model=model, **paths, output=folder / "b.png", comparison=path)
        assert code == 1
        assert_one_line(capfd, message)
    paths = {name: path.parent for name, path in paths.items()}
    assert call(inpaint, model=model, **paths, output=folder / "c", comparison=strip) == 1
    assert_one_line(capfd, "--comparison=", "shows one image")
    assert contents(folder) == before


def test_without_a_model_it_is_that_of_the_package(model, folder, monkeypatch, capfd, tmp_path):
    paths = {"image": folder / "images" / "a.png", "mask": folder / "masks" / "a.png"}
    monkeypatch.setattr(loading, "DEFAULT_MODEL", tmp_path / "nowhere")
    assert call(inpaint, **paths, output=folder / "out.png") == 1
    assert_one_line(capfd, "no default model", "nowhere")
    assert not (folder / "out.png").exists()
    monkeypatch.setattr(loading, "DEFAULT_MODEL", model)
    assert call(inpaint, **paths, output=folder / "out.png") == 0
    assert call(inpaint, model=model, **paths, output=folder / "same.png") == 0
    assert (folder / "out.png").read_bytes() == (folder / "same.png").read_bytes()
