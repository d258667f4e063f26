"""The reader of images, and images that cannot be read."""

import logging
import shutil
import threading
import time

import numpy as np
import pytest

from deepfill_tf.data import ExampleOptions, pixel_cache
from deepfill_tf.data.reader import QUIET_SECONDS, ImageReader
from deepfill_tf.errors import UserError

HALF = np.array([0.5, 0.5])


@pytest.fixture
def many(numbered_images, tmp_path):
    """300 paths, of which numbers 7 and 250 are damaged: fewer than one per cent."""
    paths = [numbered_images[i % 23] for i in range(300)]
    for number in (7, 250):
        paths[number] = str(tmp_path / f"damaged{number}.png")
        shutil.copy(numbered_images[0], paths[number])
        with open(paths[number], "r+b") as file:
            file.truncate(40)
    return paths


def _reader(paths, seed=3):
    return ImageReader(paths, ExampleOptions(height=8, width=8), seed=seed)


def _number(image):
    assert (image == image[0, 0]).all()
    return int(image[0, 0, 0])


def test_a_failing_image_is_replaced_and_the_others_are_not(many):
    reader = _reader(many)
    numbers = [_number(reader.read(i, i, HALF)) for i in range(20)]
    assert [n for i, n in enumerate(numbers) if i != 7] == [i for i in range(20) if i != 7]
    assert reader.error is None


def test_the_replacement_depends_on_seed_and_position(many):
    def replacements(seed, positions):
        reader = _reader(many, seed)
        return [_number(reader.read(7, position, HALF)) for position in positions]

    positions = list(range(60))
    assert replacements(3, positions) == replacements(3, positions[::-1])[::-1]
    assert replacements(3, positions) != replacements(4, positions)
    assert len(set(replacements(3, positions))) > 12


def test_a_failing_image_is_logged_once(many, caplog):
    reader = _reader(many)
    with caplog.at_level(logging.WARNING):
        for position in range(5):
            reader.read(7, position, HALF)
    assert caplog.text.count("damaged7.png") == 1


def test_too_many_failures_are_an_error_and_images_are_still_replaced(many, tmp_path):
    """Three of 30 may fail. Whoever reads may finish what was begun when the fourth does."""
    paths = many[8:38]
    for number in range(4):
        paths[number] = str(tmp_path / f"missing{number}.png")
    reader = _reader(paths)
    for number in range(3):
        reader.read(number, number, HALF)
        assert reader.error is None
    replacement = reader.read(3, 3, HALF)
    assert isinstance(reader.error, UserError)
    assert "4 of 30 images could not be read, more than 3" in str(reader.error)
    assert "missing3.png" in str(reader.error)
    np.testing.assert_array_equal(replacement, _reader(paths).read(3, 3, HALF))


def test_a_failing_list_of_one_image_is_an_error(many):
    reader = _reader([many[7]])
    with pytest.raises(UserError, match="1 of 1"):
        reader.read(0, 0, HALF)


def test_absent_images_are_replaced_as_damaged_ones_are_without_counting(many, caplog):
    damaged, absent = (
        _reader(many),
        ImageReader(
            [path.replace("damaged", "gone") for path in many],
            ExampleOptions(height=8, width=8),
            seed=3,
            absent=[path.replace("damaged", "gone") for path in (many[7], many[250])],
        ),
    )
    for position in range(9):
        expected = damaged.read(7, position, HALF)
        caplog.clear()
        np.testing.assert_array_equal(absent.read(7, position, HALF), expected)
        assert absent.path_of(7, position) == damaged.path_of(7, position)
    assert not absent.failed and not caplog.records


def test_closing_waits_for_an_image_and_refuses_others(numbered_images, monkeypatch):
    """Otherwise a program that exits while images are read may hang."""
    started, finished = threading.Event(), []

    def slow(path, channels):
        started.set()
        time.sleep(3 * QUIET_SECONDS)
        finished.append(path)
        return np.zeros([8, 8, channels], np.uint8)

    monkeypatch.setattr(pixel_cache, "read_pixels", slow)
    reader = _reader(numbered_images)
    thread = threading.Thread(target=reader.read, args=(0, 0, HALF))
    thread.start()
    started.wait()
    reader.close()
    assert finished == numbered_images[:1]
    with pytest.raises(StopIteration):
        reader.read(1, 1, HALF)
    reader.close()
    thread.join()


def test_an_image_that_fails_while_the_reader_closes_is_not_logged(many, monkeypatch, caplog):
    started = threading.Event()

    def slow(path, channels):
        started.set()
        time.sleep(QUIET_SECONDS)
        raise UserError(f"cannot read {path}")

    monkeypatch.setattr(pixel_cache, "read_pixels", slow)
    reader = _reader(many)
    ended = []

    def read():
        try:
            reader.read(7, 0, HALF)
        except StopIteration:
            ended.append(True)

    thread = threading.Thread(target=read)
    thread.start()
    started.wait()
    reader.close()
    thread.join()
    assert ended and not caplog.records and not reader.failed
