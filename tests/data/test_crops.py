"""Crops and sizes are those of the released program."""

import json

import numpy as np
import pytest

from deepfill_tf.data.crops import (
    crop_at_scale,
    crop_image,
    enlarge_to_cover,
    part_size,
    resize_image,
)
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


def test_a_scale_of_one_is_a_crop():
    image = np.random.default_rng(0).integers(0, 256, [40, 50, 3], np.uint8)
    crop = crop_at_scale(image, 16, 24, (1.0, 1.0), 0.3, 0.9, 0.7)
    np.testing.assert_array_equal(crop, crop_image(image, 16, 24, 0.3, 0.9))


@pytest.mark.parametrize(("min_scale", "fraction", "factor"), [(0.25, 1.0, 4), (0.5, 1.0, 2)])
def test_reduced_pixels_are_means_over_their_areas(min_scale, fraction, factor):
    image = np.random.default_rng(0).integers(0, 256, [64, 72, 3], np.uint8)
    crop = crop_at_scale(image, 16, 16, (min_scale, 1.0), 0.0, 0.0, fraction)
    part = image[: 16 * factor, : 16 * factor].astype(float)
    means = part.reshape(16, factor, 16, factor, 3).mean(axis=(1, 3))
    assert np.abs(crop - means).max() <= 0.5


def test_enlarged_pixels_are_interpolated():
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 4, [64, 1, 3])
    crop = crop_at_scale(ramp, 32, 32, (1.0, 4.0), 0.5, 0.5, 0.0)  # of 8 x 8 pixels
    slopes = np.diff(crop[:, 2:-2, 0].astype(int), axis=1)  # the outer ones lack a neighbour
    assert slopes.min() == slopes.max() == 1


def test_sizes_of_parts_go_linearly_from_enlarged_to_reduced():
    sizes = [part_size((256, 300), 64, 96, (0.5, 4.0), fraction) for fraction in (0, 0.5, 1)]
    assert sizes == [(16, 24), (72, 108), (128, 192)]


def test_no_crop_exceeds_the_image():
    places = np.stack(np.meshgrid(np.arange(30), np.arange(40), indexing="ij"), axis=-1)
    crop = crop_at_scale(places.astype(np.uint8), 16, 16, (0.1, 1.0), 0.5, 0.5, 1 - 2**-33)
    assert crop.shape == (16, 16, 2)
    # All rows, and as many columns: 1.875 pixels become one.
    np.testing.assert_allclose(np.diff(crop[:, 0, 0].astype(float)).mean(), 30 / 16, atol=0.1)
    np.testing.assert_allclose(np.diff(crop[0, :, 1].astype(float)).mean(), 30 / 16, atol=0.1)


def test_images_that_are_too_small_are_enlarged_whatever_the_scale():
    image = np.zeros([20, 30, 3], np.uint8)
    assert crop_at_scale(image, 32, 32, (0.25, 3.0), 0.5, 0.5, 0.9).shape == (32, 32, 3)
