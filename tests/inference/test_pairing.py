"""Which files belong together. The files are empty: only names count."""

import os
import unicodedata
from pathlib import Path

import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.inference.completion_paths import CompletionPaths, split_by_existence
from deepfill_tf.inference.pairing import SAME_SUFFIX, plan_many


@pytest.fixture
def make(tmp_path):
    """Makes empty files, and returns the paths of a completion among them."""

    def make(*names, image="images", mask="masks", sketch=None, output="out"):
        for name in names:
            path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "wb").close()
        where = [None if x is None else tmp_path / x for x in (image, mask, output, sketch)]
        return CompletionPaths(*where)

    return make


def pairs(plan):
    """(image, mask, output) of each completion, by the last parts of their paths."""
    return [
        (paths.image.name, paths.mask.name, "/".join(paths.output.parts[-2:]))
        for paths in plan.completions
    ]


def reasons(entries):
    return {path.name: why for path, why in entries}


@pytest.mark.parametrize("mask", ["a.png", "a.JPG", "a_mask.PNG", "a_mask007.tif"])
def test_names_of_a_mask(make, mask):
    plan = plan_many(make("images/a.JPEG", f"masks/{mask}"))
    assert pairs(plan) == [("a.JPEG", mask, "out/a.png")]
    assert not plan.failures and not plan.left_out


@pytest.mark.parametrize("mask", ["images", "masks"])
def test_several_masks_of_an_image_as_lama_names_them(make, mask):
    masks = ["x_mask001.png", "x_mask002.png", "y_mask000.png"]
    paths = make("images/x.png", "images/y.png", *(f"{mask}/{name}" for name in masks), mask=mask)
    plan = plan_many(paths)
    assert pairs(plan) == [
        ("x.png", "x_mask001.png", "out/x_mask001.png"),
        ("x.png", "x_mask002.png", "out/x_mask002.png"),
        ("y.png", "y_mask000.png", "out/y.png"),
    ]
    assert not plan.failures and not plan.left_out


def test_no_mask_lists_the_names_that_were_tried(make):
    paths = make("images/a.jpg", "images/b.jpg", "masks/b.png", "masks/c.png")
    plan = plan_many(paths)
    assert pairs(plan) == [("b.jpg", "b.png", "out/b.png")]
    message = reasons(plan.failures)["a.jpg"]
    assert all(name in message for name in ("a.png", "a_mask.png", "a_mask001.png"))
    assert reasons(plan.left_out) == {"c.png": "belongs to no image"}


def test_one_folder_for_images_masks_and_sketches(make):
    files = ["a.png", "a_mask.png", "a_sketch.png", "b_mask.png"]
    folder = {"image": "all", "mask": "all", "sketch": "all"}
    plan = plan_many(make(*(f"all/{name}" for name in files), **folder))
    (paths,) = plan.completions
    assert (paths.mask.name, paths.sketch.name) == ("a_mask.png", "a_sketch.png")
    assert reasons(plan.left_out) == {"b_mask.png": "belongs to no image"}


def test_one_mask_for_all(make):
    paths = make("images/a.png", "images/b.jpg", "images/m.png", mask="images/m.png")
    assert pairs(plan_many(paths)) == [
        ("a.png", "m.png", "out/a.png"),
        ("b.jpg", "m.png", "out/b.png"),
    ]


def test_what_takes_no_part_is_named(make, tmp_path):
    paths = make(
        *("images/a.png", "images/notes.txt", "images/c.mov", "images/day2/b.png", "masks/a.png"),
        *("images/._a.png", "images/.DS_Store", "images/Thumbs.db", "images/__MACOSX/z.png"),
        *("masks/._a.png", "masks/day2/b.png"),
    )
    (tmp_path / "images" / "loop").symlink_to(tmp_path / "images")
    plan = plan_many(paths)
    assert len(plan.completions) == 1 and not plan.failures
    assert set(reasons(plan.left_out)) == {"notes.txt", "c.mov", "day2", "loop"}
    assert "--recursive" in reasons(plan.left_out)["day2"]
    plan = plan_many(paths, recursive=True)
    assert len(plan.completions) == 2 and not plan.failures
    assert reasons(plan.left_out)["loop"] == "is a link to a folder above it"


def test_recursive_keeps_the_layout(make):
    files = ["a.png", "day1/a.png", "day1/deep/b.png"]
    inputs = [f"{kind}/{name}" for kind in ("images", "images/masks") for name in files]
    # Masks and an earlier output that lie below the images are no images.
    paths = make(*inputs, "images/out/a.png", mask="images/masks", output="images/out")
    plan = plan_many(paths, recursive=True)
    for done, name in zip(plan.completions, files, strict=True):
        assert done.image == paths.image / name
        assert (done.mask, done.output) == (paths.mask / name, paths.output / name)


def test_composed_and_decomposed_names_match(make):
    composed = unicodedata.normalize("NFC", "Zoë")
    decomposed = unicodedata.normalize("NFD", composed)
    plan = plan_many(make(f"images/{decomposed}.png", f"masks/{composed}_mask.png"))
    assert pairs(plan) == [(f"{decomposed}.png", f"{composed}_mask.png", f"out/{decomposed}.png")]


@pytest.mark.parametrize("image", ["images", "images/*.png"])
def test_a_name_that_is_not_utf_8_stops_itself_only(make, image):
    files = ["images/a.png", b"images/caf\xe9.png", "masks/a.png", b"masks/caf\xe9.png"]
    plan = plan_many(make(*files, image=image))
    assert pairs(plan) == [("a.png", "a.png", "out/a.png")]
    ((path, why),) = plan.failures
    assert os.fsencode(path).endswith(b"caf\xe9.png") and "not UTF-8" in why


def test_two_images_with_one_output(make):
    paths = make("images/a.jpg", "images/a.png", "masks/a.png")
    plan = plan_many(paths)
    assert len(plan.completions) == 1
    assert "--format=same" in reasons(plan.failures)["a.png"]
    plan = plan_many(paths, suffix=SAME_SUFFIX)
    assert [paths.output.name for paths in plan.completions] == ["a.jpg", "a.png"]
    assert not plan.failures


def test_suffixes_that_are_read_but_not_written(make):
    plan = plan_many(
        make("images/a.HEIC", "images/b.AVIF", mask="images/b.AVIF"), suffix=SAME_SUFFIX
    )
    assert pairs(plan) == [("a.HEIC", "b.AVIF", "out/a.png")]


def test_a_list_and_a_glob(make, tmp_path):
    (tmp_path / "list.txt").write_text("images/b.png\nimages/a.png\n")
    paths = make("images/a.png", "images/b.png", "masks/a.png", "masks/b.png", image="list.txt")
    assert paths.has_many_images
    assert pairs(plan_many(paths)) == [
        ("b.png", "b.png", "out/b.png"),
        ("a.png", "a.png", "out/a.png"),
    ]
    paths = make(image="images/*.png")
    assert paths.has_many_images and len(plan_many(paths).completions) == 2


def test_an_unreadable_folder_is_named(make, tmp_path, monkeypatch):
    paths = make("images/a.png", "images/b/b.png", "masks/a.png", "masks/b/b.png")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    plan = plan_many(paths, recursive=True)
    assert len(plan.completions) == 1
    assert "Permission denied" in reasons(plan.failures)["b"]


def test_a_name_that_is_too_long_for_an_output_stops_itself_only(make, tmp_path):
    name = "n" * 251 + ".png"
    plan = plan_many(make(f"images/{name}", f"masks/{name}"), suffix=".webp")
    assert [len(paths.output.name) for paths in plan.completions] == [256]
    assert split_by_existence(plan.completions, overwrite=False, skip_existing=False)[1] == []


def test_inputs_are_never_outputs(make):
    paths = make("data/a.png", "data/masks/a.png", image="data", mask="data/masks", output="out")
    (paths.output).symlink_to(paths.mask)
    with pytest.raises(UserError, match="folder of masks"):
        plan_many(paths)
    paths = make(
        "in/out/a.png", "in/m/out/a.png", image="in/*/*.png", mask="in/m/out", output="in/out"
    )
    with pytest.raises(UserError, match="never overwritten"):
        plan_many(paths)


def test_existing_outputs(make):
    paths = make("images/a.png", "images/b.png", "masks/a.png", "masks/b.png", "out/b.png")
    completions = plan_many(paths).completions

    def split(**flags):
        flags = {"overwrite": False, "skip_existing": False} | flags
        return [[p.image.name for p in part] for part in split_by_existence(completions, **flags)]

    with pytest.raises(UserError, match=r"b\.png exists; pass --overwrite or --skip_existing"):
        split()
    assert split(overwrite=True) == [["a.png", "b.png"], []]
    assert split(skip_existing=True) == [["a.png"], ["b.png"]]


def test_no_images(make):
    with pytest.raises(UserError, match=r"no images in .*notes\.txt"):
        plan_many(make("images/notes.txt", "masks/a.png"))
