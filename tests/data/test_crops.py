"""Crops and sizes are those of the released program."""

import json

import numpy as np
import pytest

from deepfill_tf.data.crops import crop_image, enlarge_to_cover, resize_image
from tests.reference import reference_path

SIZES = ["40x60", "64x48", "20x30", "33x100"]


@pytest.fixture(scope="module")
def recorded():
    with np.load(reference_path("data_pipeline.npz")) as file:
        return dict(file)


def _fraction(offset: int, available: int) -> float:
    """A crop fraction that gives this offset out of 0 .. available."""
    return (offset + 0.5) / (available + 1)


@pytest.mark.parametrize("size", SIZES)
def test_resized_images_are_those_of_the_released_program(recorded, size):
    resized = resize_image(recorded[f"resize/{size}/png_rgb"], 32, 32)
    np.testing.assert_array_equal(resized[..., ::-1], recorded[f"resize/{size}/result_bgr"][0])


@pytest.mark.parametrize("size", SIZES)
def test_small_images_are_enlarged_as_in_the_released_program(recorded, size):
    enlarged = enlarge_to_cover(recorded[f"crop/{size}/png_rgb"], 32, 32)
    np.testing.assert_array_equal(enlarged[..., ::-1], recorded[f"crop/{size}/scaled_bgr"])


@pytest.mark.parametrize("size", SIZES)
def test_crops_are_those_of_the_released_program(recorded, size):
    image = recorded[f"crop/{size}/png_rgb"]
    h, w = recorded[f"crop/{size}/scaled_bgr"].shape[:2]
    results, offsets = recorded[f"crop/{size}/result_bgr"], recorded[f"crop/{size}/offsets"]
    for result, (top, left) in zip(results, offsets, strict=True):
        crop = crop_image(image, 32, 32, _fraction(top, h - 32), _fraction(left, w - 32))
        np.testing.assert_array_equal(crop[..., ::-1], result)


@pytest.mark.parametrize("size", SIZES)
def test_offsets_have_the_range_of_the_released_program(recorded, size):
    ranges = json.loads(str(recorded["info_json"]))[f"crop/{size}/offset_range"]
    h, w = ranges["scaled_shape"][:2]
    places = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), axis=-1)
    places = places.astype(np.uint8)
    first, last = (crop_image(places, 32, 32, s, s)[0, 0] for s in (0.0, 1 - 2**-33))
    assert [first[0], last[0]] == ranges["h"]
    assert [first[1], last[1]] == ranges["w"]


def test_equal_fractions_crop_a_pair_alike(recorded):
    top, left = json.loads(str(recorded["info_json"]))["pair/offset"]
    fractions = _fraction(top, 40 - 32), _fraction(left, 60 - 32)
    for name in ("p", "q"):
        crop = crop_image(recorded[f"pair/{name}_rgb"], 32, 32, *fractions)
        np.testing.assert_array_equal(crop[..., ::-1], recorded[f"pair/{name}_crop_bgr"])


@pytest.mark.parametrize("channels", [1, 3])
def test_the_number_of_channels_is_kept(channels):
    image = np.zeros([20, 30, channels], np.uint8)
    assert resize_image(image, 8, 9).shape == (8, 9, channels)
    assert crop_image(image, 24, 24, 0.5, 0.5).shape == (24, 24, channels)
