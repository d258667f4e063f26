"""Images that are read once, as far as they fit."""

import os

import numpy as np
import pytest

from deepfill_tf.data.examples import ExampleOptions, read_example
from deepfill_tf.data.image_files import read_pixels, write_image
from deepfill_tf.data.pixel_cache import PixelCache
from deepfill_tf.errors import UserError

SIZE = 20 * 30 * 3


@pytest.fixture
def paths(tmp_path):
    random = np.random.default_rng(0)
    paths = [str(tmp_path / f"{name}.png") for name in "abc"]
    for path in paths:
        write_image(path, random.integers(0, 256, [20, 30, 3], np.uint8))
    return paths


def test_the_first_images_that_fit_are_kept(paths, monkeypatch):
    opened = []

    def read(path, channels):
        opened.append((path, channels))
        return read_pixels(path, channels)

    monkeypatch.setattr("deepfill_tf.data.pixel_cache.read_pixels", read)
    cache = PixelCache(max_bytes=2 * SIZE + SIZE // 3)
    for _ in range(3):
        for path in paths:
            np.testing.assert_array_equal(cache.read(path, 3), read_pixels(path))
    a, b, c = paths
    assert opened == [(a, 3), (b, 3), *[(c, 3)] * 3]
    for _ in range(2):
        np.testing.assert_array_equal(cache.read(c, 1), read_pixels(c, 1))
    assert opened[-1] == (c, 1) and len(opened) == 6


def test_what_is_kept_cannot_be_changed(paths):
    cache = PixelCache()
    with pytest.raises(ValueError, match="read-only"):
        cache.read(paths[0], 3)[0] = 0
    # A crop of the whole image.
    options = ExampleOptions(height=20, width=30, random_crop=True)
    read_example(paths[0], options, read=cache.read)[:] = 0
    np.testing.assert_array_equal(cache.read(paths[0], 3), read_pixels(paths[0]))


def test_files_that_changed_are_read_again(paths):
    cache, (a, b, _) = PixelCache(), paths
    before, other = cache.read(a, 3), cache.read(b, 3)
    os.replace(b, a)
    np.testing.assert_array_equal(cache.read(a, 3), other)
    assert (before != other).any()
    with pytest.raises(UserError, match=r"b\.png"):
        cache.read(b, 3)


def test_unreadable_images_are_not_kept(tmp_path):
    cache, path = PixelCache(), tmp_path / "a.png"
    with pytest.raises(UserError, match=r"a\.png"):
        cache.read(str(path), 3)
    write_image(str(path), np.zeros([20, 30, 3], np.uint8))
    assert cache.read(str(path), 3).shape == (20, 30, 3)
