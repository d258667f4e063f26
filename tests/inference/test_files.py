import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deepfill_tf.errors import UserError
from deepfill_tf.inference import Inpainter
from deepfill_tf.inference.files import CompletionPaths, complete_file, complete_folder
from tests.small_generators import random_images, random_masks, small_generator


@pytest.fixture
def folders(tmp_path):
    """Three images in `images`, their masks in `masks`."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i, name in enumerate("abc"):
        height, width = 24 + 8 * i, 33
        image, mask = random_images(height, width, 3, seed=i), random_masks(1, height, width, i)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(mask[0, :, :, 0]).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path))


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def complete_all(inpainter, folders, output="out", masks="masks"):
    failures = []
    counts = complete_folder(
        inpainter,
        CompletionPaths(folders / "images", folders / masks, folders / output),
        on_failure=failures.append,
    )
    return counts, failures


def test_a_file(inpainter, folders):
    image, mask = folders / "images" / "a.png", folders / "masks" / "a.png"
    output = folders / "new" / "folder" / "a_completed.png"
    complete_file(inpainter, CompletionPaths(image, mask, output))
    np.testing.assert_array_equal(pixels(output), inpainter(pixels(image), pixels(mask)))


def test_a_grey_file(folders):
    inpainter = Inpainter(small_generator(channels=1, refinement=False))
    assert inpainter.channels == 1
    image, mask = random_images(24, 33, seed=5), pixels(folders / "masks" / "a.png")
    Image.fromarray(image).save(folders / "grey.png")
    paths = CompletionPaths(folders / "grey.png", folders / "masks" / "a.png", folders / "out.png")
    complete_file(inpainter, paths)
    completed = pixels(folders / "out.png")
    np.testing.assert_array_equal(completed, inpainter(image[..., None], mask)[..., 0])
    np.testing.assert_array_equal(completed[mask <= 127], image[mask <= 127])
    assert (completed != image).any()


def test_folders(inpainter, folders):
    (folders / "images" / "notes.txt").write_text("not an image")
    before = files(folders)
    counts, failures = complete_all(inpainter, folders)
    assert (counts, failures) == ((3, 0), [])
    for name in "abc":
        image, mask = (pixels(folders / f / f"{name}.png") for f in ("images", "masks"))
        completed = pixels(folders / "out" / f"{name}.png")
        np.testing.assert_array_equal(completed[mask <= 127], image[mask <= 127])
    assert before.items() <= files(folders).items()


def test_masks_called_mask(inpainter, folders):
    for name in "abc":
        mask = folders / "masks" / f"{name}.png"
        mask.rename(folders / "images" / f"{name}_mask.png")
    # One folder for both, and then one for each.
    assert complete_all(inpainter, folders, "out", masks="images") == ((3, 0), [])
    for name in "abc":
        mask = folders / "images" / f"{name}_mask.png"
        mask.rename(folders / "masks" / f"{name}_mask.png")
    assert complete_all(inpainter, folders, "again") == ((3, 0), [])
    assert files(folders / "out") == files(folders / "again")


@pytest.mark.parametrize("what", ["broken", "no mask", "mask of another size", "tiny", "twice"])
def test_a_bad_image_is_named_and_the_rest_goes_on(inpainter, folders, what):
    bad = folders / "images" / "b.png"
    if what == "broken":
        bad.write_bytes(bad.read_bytes()[:100])
    elif what == "no mask":
        (folders / "masks" / "b.png").unlink()
    elif what == "mask of another size":
        Image.fromarray(random_masks(1, 8, 9)[0, :, :, 0]).save(folders / "masks" / "b.png")
    elif what == "tiny":
        Image.fromarray(random_images(8, 9, 3)).save(bad)
        Image.fromarray(random_masks(1, 8, 9)[0, :, :, 0]).save(folders / "masks" / "b.png")
    elif what == "twice":
        bad = folders / "images" / "c.jpg"
        Image.fromarray(random_images(40, 33, 3)).save(bad)
    counts, failures = complete_all(inpainter, folders)
    assert counts == ((3, 1) if what == "twice" else (2, 1))
    assert len(failures) == 1 and ("c.png" if what == "twice" else "b.png") in failures[0]
    if what == "mask of another size":
        assert "9 x 8" in failures[0] and "33 x 32" in failures[0]
    assert (folders / "out" / "a.png").exists() and (folders / "out" / "c.png").exists()


@pytest.mark.parametrize(
    "error, reason",
    [
        (MemoryError(), "MemoryError"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM\nstack"), "OOM"),
    ],
)
def test_an_image_that_memory_does_not_hold_is_named(inpainter, folders, error, reason):
    class Exhausted:
        channels = 3
        guided = False

        def __call__(self, image, mask):
            if len(image) == 32:
                raise error
            return inpainter(image, mask)

    counts, failures = complete_all(Exhausted(), folders)
    assert counts == (2, 1)
    assert failures == [f"{folders / 'images' / 'b.png'}: {reason}"]


@pytest.mark.parametrize(
    "image, mask, output, message",
    [
        ("images/a.png", "masks/a.png", "images/a.png", "never overwritten"),
        ("images/a.png", "masks/a.png", "masks/a.png", "never overwritten"),
        ("images/a.png", "masks/a.png", "masks", "is a folder"),
        ("images/a.png", "masks/a.png", "out.xyz", "must end in"),
        ("images/a.png", "masks/a.png", "images/b.png/out.png", "is not a writable folder"),
        ("images/a.png", "masks/b.png", "out.png", "33 x 32.*33 x 24"),
        ("images/a.png", "masks", "out.png", "is a folder"),
        ("images/a.png", "masks/z.png", "out.png", "no mask .*z.png"),
        ("images/z.png", "masks/a.png", "out.png", "no image .*z.png"),
    ],
)
def test_bad_files(inpainter, folders, image, mask, output, message):
    before = files(folders)
    paths = CompletionPaths(folders / image, folders / mask, folders / output)
    with pytest.raises(UserError, match=message):
        complete_file(inpainter, paths)
    assert files(folders) == before


@pytest.mark.parametrize(
    "output, masks, message",
    [
        ("images", "masks", "the folder of images"),
        ("masks", "masks", "the folder of masks"),
        ("images/a.png", "masks", "is a file"),
        ("out", "nowhere", "no folder of masks"),
    ],
)
def test_bad_folders(inpainter, folders, output, masks, message):
    before = files(folders)
    with pytest.raises(UserError, match=message):
        complete_all(inpainter, folders, output, masks)
    assert files(folders) == before


def test_a_folder_without_images(inpainter, folders):
    for image in (folders / "images").iterdir():
        image.unlink()
    with pytest.raises(UserError, match="no images"):
        complete_all(inpainter, folders)
