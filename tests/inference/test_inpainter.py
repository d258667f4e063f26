import shutil
import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import Inpainter
from deepfill_tf.errors import UserError
from deepfill_tf.storage import loading
from tests.small_generators import random_images, random_masks


@pytest.fixture(scope="module", params=["model directory", "run directory", "SavedModel"])
def loaded(request, model_directory, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded")
    if request.param == "run directory":
        shutil.copytree(model_directory, folder / "model")
        return Inpainter.load(folder)
    if request.param == "SavedModel":
        shutil.copytree(model_directory, folder, dirs_exist_ok=True)
        (folder / "model.json").unlink()
        (folder / "weights.safetensors").unlink()
        return Inpainter.load(folder)
    return Inpainter.load(str(model_directory))


def test_loaded_from_anywhere_it_is_the_same(loaded, inpainter):
    images, masks = random_images(2, 37, 50, 3), random_masks(2, 37, 50)
    np.testing.assert_array_equal(loaded(images, masks), inpainter(images, masks))
    with pytest.raises(ValueError, match="does not fit"):
        loaded(images, masks[:, :-1])


def test_one_image_and_a_batch(inpainter):
    images, masks = random_images(2, 21, 34, 3), random_masks(2, 21, 34)
    completed = inpainter(images, masks)
    assert completed.shape == images.shape and completed.dtype == np.uint8
    np.testing.assert_array_equal(inpainter(images, masks[..., 0]), completed)
    np.testing.assert_array_equal(inpainter(images, masks > 127), completed)
    one = inpainter(images[0], masks[0])
    assert one.shape == (21, 34, 3)
    np.testing.assert_array_equal(inpainter(images[0], masks[0, ..., 0]), one)
    np.testing.assert_array_equal(one, inpainter(images[:1], masks[:1])[0])
    np.testing.assert_array_equal(inpainter(images, masks[:1])[0], one)


def test_known_pixels_stay_and_holes_are_filled(inpainter):
    image, mask = random_images(45, 31, 3), random_masks(1, 45, 31)[0]
    completed = inpainter(image, mask)
    hole = mask[..., 0] > 127
    np.testing.assert_array_equal(completed[~hole], image[~hole])
    assert (completed[hole] != image[hole]).any()
    np.testing.assert_array_equal(inpainter(image, np.zeros_like(mask)), image)
    assert inpainter(image, np.full_like(mask, 255)).shape == image.shape


@pytest.mark.parametrize(
    "image, mask, message",
    [
        ([20, 30, 3], [20, 31, 1], r"\[20, 31, 1\].*\[20, 30, 3\]"),
        ([20, 30, 3], [20, 31], r"\[20, 31\].*\[20, 30, 3\]"),
        ([20, 30, 3], [20, 30, 3], r"\[20, 30, 3\]"),
        ([20, 30, 3], [1, 20, 30, 1], r"\[1, 20, 30, 1\]"),
        ([2, 20, 30, 3], [3, 20, 30, 1], r"\[3, 20, 30, 1\].*\[2, 20, 30, 3\]"),
        ([2, 20, 30, 3], [20, 30, 1], r"\[20, 30, 1\]"),
        ([20, 30], [20, 30], r"uint8 \[H, W, 3\].*\[20, 30\]"),
        ([20, 30, 4], [20, 30], r"uint8 \[H, W, 3\].*\[20, 30, 4\]"),
        ([15, 30, 3], [15, 30], r"at least 16 rows and columns, got \[15, 30, 3\]"),
        ([0, 20, 30, 3], [1, 20, 30, 1], r"at least one image, got \[0, 20, 30, 3\]"),
    ],
)
def test_shapes_that_do_not_fit(inpainter, image, mask, message):
    with pytest.raises(ValueError, match=message):
        inpainter(np.zeros(image, np.uint8), np.zeros(mask, np.uint8))


def test_types_that_do_not_fit(inpainter):
    image, mask = random_images(20, 30, 3), random_masks(1, 20, 30)[0]
    with pytest.raises(ValueError, match="mask must be uint8.*float64"):
        inpainter(image, mask / 255)
    with pytest.raises(ValueError, match="image must be uint8.*float32"):
        inpainter(image.astype(np.float32), mask)


def test_masks_of_0_and_1_are_no_hole_and_a_warning_says_so(inpainter):
    images, masks = random_images(2, 21, 34, 3), random_masks(2, 21, 34)
    zeros_and_ones = (masks > 127).astype(np.uint8)
    with pytest.warns(
        UserWarning, match="its highest value is 1, and only those above 127"
    ) as all_:
        np.testing.assert_array_equal(inpainter(images, zeros_and_ones), images)
    assert [warning.filename for warning in all_] == [__file__] * 2
    mixed = np.stack([masks[0], zeros_and_ones[1]])
    with pytest.warns(UserWarning, match="^mask 1 of the batch has no hole") as one:
        inpainter.predict(images / np.float32(255), mixed)
    assert len(one) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inpainter(images, zeros_and_ones > 0)
        inpainter(images, np.zeros_like(masks))


def test_a_large_image_is_no_trouble(inpainter):
    """One matrix of all scores would take 36 GB."""
    image, mask = random_images(2400, 2560, 3), np.zeros([2400, 2560], np.uint8)
    mask[700:760, 2500:] = 255
    completed = inpainter(image, mask)
    np.testing.assert_array_equal(completed[mask == 0], image[mask == 0])
    assert (completed[mask > 0] != image[mask > 0]).mean() > 0.9


def test_a_foreign_saved_model_is_refused(tmp_path):
    module = tf.Module()
    module.double = tf.function(
        lambda x: {"doubled": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.double)
    with pytest.raises(UserError, match="is not an inpainting SavedModel"):
        Inpainter.load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="is not an inpainting SavedModel"):
        Inpainter.load(tmp_path)


def test_nothing_to_load(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        Inpainter.load(tmp_path / "nowhere")


def test_without_a_path_it_is_the_model_of_the_package(model_directory, inpainter, monkeypatch):
    monkeypatch.setattr(loading, "DEFAULT_MODEL", model_directory)
    images, masks = random_images(1, 37, 50, 3), random_masks(1, 37, 50)
    np.testing.assert_array_equal(Inpainter.load()(images, masks), inpainter(images, masks))


def test_a_package_without_a_model_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "DEFAULT_MODEL", tmp_path)
    with pytest.raises(
        UserError, match=r"no default model \(there is no .*model.json\): pass a run"
    ):
        Inpainter.load()
