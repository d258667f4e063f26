import dataclasses
import json

import numpy as np
import pytest

from deepfill_tf.data import write_image
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import Manifest, hole
from deepfill_tf.evaluation.manifest import file_hash


@pytest.fixture
def images(tmp_path):
    """Paths of images of different sizes, one of them in a subfolder."""
    random = np.random.default_rng(0)
    (tmp_path / "images" / "sub").mkdir(parents=True)
    paths = []
    for name, size in (("b.png", (32, 40)), ("a.png", (48, 32)), ("sub/a.png", (32, 32))):
        paths.append(str(tmp_path / "images" / name))
        write_image(paths[-1], random.integers(0, 256, [*size, 3]).astype(np.uint8))
    return paths


def test_the_order_of_the_images_changes_nothing(images):
    manifest = Manifest.make(images, "wide")
    assert manifest == Manifest.make(images[::-1], "wide")
    assert [e.image for e in manifest.entries] == ["a.png", "b.png", "sub/a.png"]
    assert [(e.height, e.width) for e in manifest.entries] == [(48, 32), (32, 40), (32, 32)]


def test_other_images_beside_it_change_nothing_for_an_image(images):
    alone = Manifest.make(images[1:2], "free_form").entries[0]
    [among] = [e for e in Manifest.make(images, "free_form").entries if e.image == "a.png"]
    assert alone == among


def test_what_is_written_is_replayed(images, tmp_path):
    manifest = Manifest.make(images, "irregular_bins", seed=3, size=(24, 24))
    manifest.write(str(tmp_path / "manifest.json"))
    read = Manifest.read(str(tmp_path / "manifest.json"))
    assert read == manifest and read.difference(manifest) is None
    assert read.sha256 == manifest.sha256 and len(read.entries) == 18
    paths = read.verify(images[::-1])
    assert paths["sub/a.png"] == images[2]
    for entry in read.entries:
        mask = read.hole(entry)
        expected = hole("irregular_bins", file_hash(paths[entry.image]), 24, 24, 3, entry.index)
        np.testing.assert_array_equal(mask, expected)
        assert entry.hole_share == pytest.approx((mask > 127).mean(), abs=1e-6)


def test_a_hole_that_is_drawn_otherwise_is_noticed(images):
    manifest = Manifest.make(images, "wide")
    entry = dataclasses.replace(manifest.entries[0], mask_sha256="0" * 64)
    with pytest.raises(UserError, match=r"hole 0 drawn for a.png is not the one of the manifest"):
        manifest.hole(entry)


def test_other_images_are_refused(images):
    manifest = Manifest.make(images, "center")
    with pytest.raises(UserError, match=r"names b.png, which is not among the images"):
        manifest.verify(images[1:])
    write_image(images[0], np.zeros([32, 40, 3], np.uint8))
    with pytest.raises(UserError, match=r"b.png is not the image b.png of the manifest"):
        manifest.verify(images)


def test_results_that_cannot_stand_in_one_table(images):
    first = Manifest.make(images, "center")
    assert first.difference(first) is None
    reason = first.difference(Manifest.make(images, "wide"))
    assert reason == "their protocol differs: center and wide"
    reason = first.difference(Manifest.make(images, "center", size=(24, 24)))
    assert reason == "their size differs: None and (24, 24)"


def test_results_of_other_images_or_holes(images):
    first, fewer = Manifest.make(images, "wide"), Manifest.make(images[:2], "wide")
    assert first.difference(fewer) == "only one of them has sub/a.png"
    other_seed = Manifest.make(images, "wide", seed=1)
    assert first.difference(other_seed).startswith("mask_seed of a.png differs")
    assert first.sha256 not in (fewer.sha256, other_seed.sha256)


@pytest.fixture
def masks(images, tmp_path):
    """A mask for each image, named as it, and their folder."""
    (tmp_path / "masks").mkdir()
    for name, size in (("a", (48, 32)), ("b", (32, 40))):
        mask = np.zeros([*size, 1], np.uint8)
        mask[4:12, 6:20] = 255
        write_image(str(tmp_path / "masks" / f"{name}.png"), mask)
    return str(tmp_path / "masks")


def test_own_masks(images, masks):
    manifest = Manifest.make(images[:2], "files", masks=masks)
    assert [e.mask_file for e in manifest.entries] == ["a.png", "b.png"]
    assert manifest.hole(manifest.entries[0], masks)[4:12, 6:20].all()
    with pytest.raises(UserError, match="name the folder of masks"):
        manifest.hole(manifest.entries[0])
    write_image(f"{masks}/a.png", np.eye(48, 32, dtype=np.uint8)[:, :, None] * 255)
    with pytest.raises(UserError, match=r"a.png for a.png is not the one of the manifest"):
        manifest.hole(manifest.entries[0], masks)


def test_one_mask_for_all(images, masks):
    manifest = Manifest.make(images[:1], "files", masks=f"{masks}/b.png")
    assert manifest.hole(manifest.entries[0], f"{masks}/b.png")[4:12, 6:20].all()


@pytest.mark.parametrize(
    "value, message",
    [(0, "has no hole: all of it is black"), (1, "which count as black"), (255, "is all hole")],
)
def test_masks_without_a_hole_or_of_nothing_else(images, masks, value, message):
    """Without the advice of the command that completes files."""
    write_image(f"{masks}/a.png", np.full([48, 32, 1], value, np.uint8))
    with pytest.raises(UserError, match=message) as error:
        Manifest.make(images[1:2], "files", masks=masks)
    assert "--" not in str(error.value)


def test_own_masks_with_other_names_are_assigned_by_hash(images, masks, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for i in range(3):
        mask = np.zeros([32, 40, 1], np.uint8)
        mask[4:12, 6 : 10 + i] = 255
        write_image(str(others / f"{i}.png"), mask)
    manifest = Manifest.make(images[:1], "files", masks=str(others))
    assert manifest.entries[0].mask_file == f"{int(file_hash(images[0]), 16) % 3}.png"


def test_masks_that_do_not_fit_are_refused(images, masks, tmp_path):
    with pytest.raises(UserError, match="has no mask for c.png, but masks for other images"):
        other = str(tmp_path / "images" / "c.png")
        write_image(other, np.ones([32, 32, 3], np.uint8))
        Manifest.make([*images[:2], other], "files", masks=masks)
    with pytest.raises(
        UserError,
        match=r"the mask .*a.png is 32 x 48 .*its image is 24 x 24.* size$",
    ):
        Manifest.make(images[1:2], "files", size=(24, 24), masks=masks)
    with pytest.raises(UserError, match="masks go with the protocol 'files'"):
        Manifest.make(images, "center", masks=masks)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "is not a manifest"),
        ("[]", "is not a manifest"),
        (json.dumps({"schema": 2}), "has schema 2, this version reads 1"),
        (json.dumps({"schema": 1, "entries": [{}]}), "is not a manifest"),
    ],
)
def test_files_that_are_no_manifests(tmp_path, content, message):
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        Manifest.read(str(path))
    with pytest.raises(UserError, match="cannot read the manifest"):
        Manifest.read(str(tmp_path / "missing.json"))


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda c: c.update(protocol="centre"), "the protocol must be one of .*, got 'centre'"),
        (lambda c: c.update(seed="0"), "the seed must be an integer >= 0, got '0'"),
        (lambda c: c.update(size=[24]), r"the size must be height and width or null, got \[24\]"),
        (lambda c: c.update(size=[24, 24]), "a.png cannot have 48 x 32 pixels"),
        (lambda c: c.update(entries=[]), "it has no entries"),
        (lambda c: c["entries"].reverse(), "its entries are not sorted"),
        (lambda c: c["entries"].append(c["entries"][-1]), "some occur twice"),
        (lambda c: c["entries"][0].pop("height"), "it lacks 'height'"),
        (lambda c: c["entries"][0].update(height="48"), "height must be of type int, got '48'"),
        (lambda c: c["entries"][0].update(height=8), "a.png cannot have 8 x 32 pixels"),
        (lambda c: c["entries"][0].update(index=1), "a.png cannot have a hole 1"),
    ],
)
def test_edited_manifests_are_refused(images, tmp_path, edit, message):
    path = tmp_path / "manifest.json"
    Manifest.make(images, "wide").write(str(path))
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"manifest.json is not a manifest: .*{message}"):
        Manifest.read(str(path))


@pytest.mark.parametrize("field", ["mask_seed", "hole_share"])
def test_holes_with_edited_descriptions_are_refused(images, field):
    manifest = Manifest.make(images, "wide")
    entry = dataclasses.replace(manifest.entries[0], **{field: 1})
    with pytest.raises(UserError, match="hole 0 drawn for a.png is not the one of the manifest"):
        manifest.hole(entry)
