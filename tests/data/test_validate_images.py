"""The check of every image before the first step."""

import os

import numpy as np
import pytest

from deepfill_tf.data import check_readable, write_image
from deepfill_tf.errors import UserError


@pytest.fixture
def good(tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    for path in paths:
        write_image(path, np.zeros([4, 4, 3], np.uint8))
    return paths


def test_readable_images_pass(good):
    check_readable(good)


def test_unreadable_images_are_named(good, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = ("text.png", "empty.png", "folder.png", "pipe.png", "missing.png")
    wrong = [str(tmp_path / name) for name in names]
    with pytest.raises(UserError) as error:
        check_readable(good[:9] + wrong + good[9:])
    message = str(error.value)
    assert "5 of 25" in message and all(path in message for path in wrong)
    assert not any(path in message for path in good)
    assert "\n" not in message


def test_ten_are_named_and_all_are_counted(tmp_path):
    missing = [str(tmp_path / f"missing{i:02}.png") for i in range(25)]
    with pytest.raises(UserError) as error:
        check_readable(missing)
    named = [path for path in missing if path in str(error.value)]
    assert named == missing[:10] and "25" in str(error.value)
