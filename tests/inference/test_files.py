"""Completion of files with a small network."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deepfill_tf.errors import UserError
from deepfill_tf.inference import Inpainter
from deepfill_tf.inference import files as files_module
from deepfill_tf.inference.completer import Completer
from deepfill_tf.inference.completion_paths import CompletionPaths, check_apart
from deepfill_tf.inference.files import FileCompleter, FileOptions, complete_many
from deepfill_tf.inference.pairing import plan_many
from deepfill_tf.inference.report import Report
from deepfill_tf.inference.strategies import Strategy
from tests.small_generators import random_images, random_masks, small_generator

# Longer than file systems take.
LONG = "n" * 300


@pytest.fixture
def folders(tmp_path):
    """Three images in `images`, their masks in `masks`."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i, name in enumerate("abc"):
        height, width = 24 + 8 * i, 33
        image, mask = random_images(height, width, 3, seed=i), random_masks(1, height, width, i)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        # Greys next to the threshold would be noted as soft edges.
        Image.fromarray((mask[0, :, :, 0] > 127) * np.uint8(255)).save(
            tmp_path / "masks" / f"{name}.png"
        )
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def paths_of(folder, image, mask, output):
    return CompletionPaths(folder / image, folder / mask, folder / output)


def complete_all(inpainter, folders, report=None, **options):
    """Completes the folder; returns the report's content and the lines of warnings."""
    lines = []
    completer = FileCompleter(inpainter, FileOptions(**options), warn=lines.append)
    report_file = Report(folders / "report.json", {"strategy": "exact"})
    complete_many(completer, plan_many(paths_of(folders, "images", "masks", "out")), report_file)
    report_file.write("done")
    return json.loads((folders / "report.json").read_text()), lines


def test_a_file(inpainter, folders):
    output = folders / "new" / "folder" / "a_completed.png"
    paths = paths_of(folders, "images/a.png", "masks/a.png", output)
    record = FileCompleter(inpainter).complete(paths)
    image, mask = pixels(paths.image), pixels(paths.mask)
    np.testing.assert_array_equal(pixels(output), inpainter(image, mask))
    assert (record.status, record.width, record.height) == ("completed", 33, 24)
    assert record.hole_pixels == np.count_nonzero(mask > 127)


def test_a_grey_file(folders):
    inpainter = Inpainter(small_generator(channels=1, refinement=False))
    image, mask = random_images(24, 33, seed=5), pixels(folders / "masks" / "a.png")
    Image.fromarray(image).save(folders / "grey.png")
    FileCompleter(inpainter).complete(paths_of(folders, "grey.png", "masks/a.png", "out.png"))
    completed = pixels(folders / "out.png")
    np.testing.assert_array_equal(completed, inpainter(image[..., None], mask)[..., 0])
    np.testing.assert_array_equal(completed[mask <= 127], image[mask <= 127])
    assert (completed != image).any()


def test_folders(inpainter, folders):
    (folders / "images" / "notes.txt").write_text("not an image")
    before = contents(folders)
    report, lines = complete_all(inpainter, folders)
    assert report["counts"] == {"completed": 3, "left_out": 1} and lines == []
    assert report["schema_version"] == 1 and report["state"] == "done"
    assert report["left_out"][0]["path"].endswith("notes.txt")
    for name, record in zip("abc", report["images"], strict=True):
        image, mask = (pixels(folders / f / f"{name}.png") for f in ("images", "masks"))
        completed = pixels(folders / "out" / f"{name}.png")
        np.testing.assert_array_equal(completed[mask <= 127], image[mask <= 127])
        assert record["output"] == str(folders / "out" / f"{name}.png")
        assert record["hole_pixels"] == np.count_nonzero(mask > 127) and record["seconds"] > 0
    assert before.items() <= contents(folders).items()


@pytest.mark.parametrize("what", ["broken", "mask of another size", "tiny", "all hole"])
def test_a_bad_image_is_named_and_the_rest_goes_on(inpainter, folders, what):
    image, mask = folders / "images" / "b.png", folders / "masks" / "b.png"
    if what == "broken":
        image.write_bytes(image.read_bytes()[:100])
    elif what == "mask of another size":
        Image.fromarray(np.eye(8, 9, dtype=bool)).save(mask)
    elif what == "tiny":
        Image.fromarray(random_images(8, 9, 3)).save(image)
        Image.fromarray(np.eye(8, 9, dtype=bool)).save(mask)
    elif what == "all hole":
        Image.fromarray(np.full([32, 33], 255, np.uint8)).save(mask)
    report, lines = complete_all(inpainter, folders)
    assert report["counts"] == {"completed": 2, "failed": 1, "left_out": 0}
    assert len(lines) == 1 and "b.png" in lines[0]
    assert report["images"][1]["error"] in lines[0]
    if what == "mask of another size":
        assert "9 x 8" in lines[0] and "33 x 32" in lines[0]
    assert (folders / "out" / "a.png").exists() and (folders / "out" / "c.png").exists()
    assert not (folders / "out" / "b.png").exists()


def test_a_mask_without_a_hole(inpainter, folders):
    Image.fromarray(np.zeros([32, 33], np.uint8)).save(folders / "masks" / "b.png")
    report, lines = complete_all(inpainter, folders)
    assert report["counts"] == {"completed": 2, "copied": 1, "left_out": 0}
    assert len(lines) == 1 and "b.png" in lines[0] and "copied" in lines[0]
    np.testing.assert_array_equal(*(pixels(folders / f / "b.png") for f in ("images", "out")))


@pytest.mark.parametrize(
    "error, why",
    [
        (MemoryError(), "MemoryError"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM\nstack"), "OOM"),
        (RuntimeError("anything\nmore"), "RuntimeError: anything"),
    ],
)
def test_a_failure_of_any_kind_stays_with_its_image(inpainter, folders, error, why):
    class Failing(Completer):
        channels = 3
        guided = False
        errors = Inpainter.errors

        def _complete(self, inputs):
            if inputs["image"].shape[1] == 32:
                raise error
            return inpainter(inputs["image"], inputs["mask"])

    report, lines = complete_all(Failing(), folders)
    assert report["counts"] == {"completed": 2, "failed": 1, "left_out": 0}
    assert lines == [f"{folders / 'images' / 'b.png'}: {why}"]


def test_a_dry_run_reads_and_forecasts_only(inpainter, folders):
    (folders / "masks" / "c.png").write_bytes(b"no image")
    before = contents(folders)
    report, lines = complete_all(inpainter, folders, dry_run=True, always_forecast=True)
    assert report["counts"] == {"planned": 2, "failed": 1, "left_out": 0} and len(lines) == 1
    assert report["images"][0]["forecast"]["seconds"] > 0
    assert contents(folders).keys() - before.keys() == {
        (folders / "report.json").relative_to(folders)
    }


def test_strategies_and_forecasts_of_large_images(inpainter, folders, monkeypatch):
    """A limit of a few hundred pixels makes these images large."""
    monkeypatch.setattr(files_module, "FORECAST_PIXELS", 500)
    paths = paths_of(folders, "images/a.png", "masks/a.png", "out.png")
    told, warned = [], []

    def complete(name):
        options = FileOptions(strategy=Strategy(name, crop_margin=8, resize_limit=16))
        completer = FileCompleter(inpainter, options, inform=told.append, warn=warned.append)
        return completer.complete(paths)

    for name in ("exact", "crop", "resize"):
        record = complete(name)
        assert f"33 x 24, strategy {name}: about " in told[-1]
        assert record.forecast["memory_bytes"] > 0 and record.boxes
    assert warned == []
    monkeypatch.setattr(files_module, "_LONG_SECONDS", 0.0)
    complete("exact")
    assert "--strategy=crop takes about" in warned[0] and "--strategy=resize" in warned[0]
    (folders / "out.png").unlink()
    monkeypatch.setattr(files_module, "free_memory", lambda: 1000)
    monkeypatch.setattr(files_module, "used_memory", lambda: 0)
    with pytest.raises(UserError, match=r"33 x 24 needs about .* GB .* 0\.0 GB are free.*crop"):
        complete("exact")
    assert not (folders / "out.png").exists()


def test_an_interrupted_folder_has_whole_files_only(inpainter, folders):
    class Interrupting(Completer):
        channels = 3
        guided = False
        errors = Inpainter.errors

        def _complete(self, inputs):
            if inputs["image"].shape[1] == 32:
                raise KeyboardInterrupt
            return inpainter(inputs["image"], inputs["mask"])

    report = Report(folders / "report.json", {})
    plan = plan_many(paths_of(folders, "images", "masks", "out"))
    with pytest.raises(KeyboardInterrupt):
        complete_many(FileCompleter(Interrupting()), plan, report)
    assert os.listdir(folders / "out") == ["a.png"] and report.counts == {"completed": 1}


@pytest.mark.parametrize(
    "image, mask, output, message",
    [
        ("images/a.png", "masks/a.png", "images/a.png", "never overwritten"),
        ("images/a.png", "masks/a.png", "masks/a.png", "never overwritten"),
        ("images/a.png", "masks/a.png", "masks", "is a folder"),
        ("images/a.png", "masks/a.png", "out.xyz", "must end in"),
        ("images/a.png", "masks/a.png", "images/b.png/out.png", "is not a writable folder"),
        ("images/a.png", "masks", "out.png", "is a folder"),
        ("images/a.png", "masks/z.png", "out.png", "no mask .*z.png"),
        ("images/z.png", "masks/a.png", "out.png", "no image .*z.png"),
        ("images/a.png/b.png", "masks/a.png", "out.png", "no image .*b.png"),
        (f"{LONG}.png", "masks/a.png", "out.png", "cannot read the image .*: file name too long"),
        ("images/a.png", LONG, "out.png", "cannot read the mask .*: file name too long"),
        ("images/a.png", "masks/a.png", f"{LONG}.png", "cannot write .*: file name too long"),
        ("images/a.png", "masks/a.png", f"{LONG}/a.png", "cannot write .*: file name too long"),
        ("loop.png", "masks/a.png", "out.png", "cannot read the image .*symbolic links"),
        ("images/a.png", "masks/a.png", "loop.png", "cannot write .*symbolic links"),
        ("images/a.png", "masks/a.png", "pipe.png", "cannot write .*not a regular file"),
        ("images/a.png", "masks/a.png", os.fsdecode(b"\xff.png"), "cannot write .*not UTF-8"),
    ],
)
def test_bad_files(folders, image, mask, output, message):
    os.mkfifo(folders / "pipe.png")
    (folders / "loop.png").symlink_to("loop.png")
    with pytest.raises(UserError, match=message):
        paths_of(folders, image, mask, output).check_one()


@pytest.mark.parametrize(
    "output, masks, message",
    [
        ("images", "masks", "the folder of images"),
        ("masks", "masks", "the folder of masks"),
        ("images/a.png", "masks", "is a file"),
        ("images/a.png/out", "masks", "is not a writable folder"),
        ("out", "nowhere", "no folder of masks"),
        ("out", LONG, "file name too long"),
        (os.fsdecode(b"out\xff"), "masks", "not UTF-8"),
    ],
)
def test_bad_folders(folders, output, masks, message):
    before = contents(folders)
    with pytest.raises(UserError, match=message):
        plan_many(paths_of(folders, "images", masks, output))
    assert contents(folders) == before


def test_a_report_replaces_reports_only(folders):
    path = folders / "report.json"
    for _ in range(2):
        Report(path, {}).write("done")
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match="no report"):
        Report(path, {})
    with pytest.raises(UserError, match="is not a writable folder"):
        Report(folders / "images" / "a.png" / "report.json", {})
    with pytest.raises(UserError, match="not a regular file"):
        Report(Path("/dev/zero"), {})  # reading it would not end


@pytest.mark.parametrize("name, kind", [("out.png", "output"), ("masks/../masks/a.png", "mask")])
def test_other_files_that_are_written_lie_apart(folders, name, kind):
    paths = paths_of(folders, "images/a.png", "masks/a.png", "out.png")
    with pytest.raises(UserError, match=f"--report=.* is the {kind} too"):
        check_apart("report", folders / name, [paths])
    check_apart("report", folders / "report.json", [paths])
