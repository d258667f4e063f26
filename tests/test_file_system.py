"""Local files, and those of an object store: TensorFlow's file system in memory stands for one."""

import itertools

import pytest
import tensorflow as tf

from deepfill_tf import atomic, file_system
from deepfill_tf.data import list_images, read_pixels, write_image
from tests.small_generators import random_images

COUNTER = itertools.count()


@pytest.fixture(params=["local", "store"])
def folder(request, tmp_path):
    return f"ram://{next(COUNTER)}" if request.param == "store" else str(tmp_path / "new")


def test_files(folder):
    path = f"{folder}/below/a.txt"
    file_system.make_folders(f"{folder}/below")
    assert not file_system.exists(path)
    with pytest.raises(FileNotFoundError):
        file_system.read_bytes(path)
    file_system.write_bytes(path, b"0123456789")
    assert file_system.exists(path) and file_system.is_folder(folder)
    assert not file_system.is_folder(path)
    assert file_system.read_bytes(path) == b"0123456789"
    assert file_system.read_bytes(path, 3, 4) == b"3456"
    file_system.write_bytes(f"{folder}/b.txt", b"another")
    file_system.rename(f"{folder}/b.txt", path)
    assert file_system.read_bytes(path) == b"another"
    assert file_system.names_in(folder) == ["below"]
    assert file_system.matching(f"{folder}/*/*.txt") == [path]
    assert [*file_system.walk(folder)][-1] == (f"{folder}/below", ["a.txt"])
    file_system.remove(f"{folder}/below")
    assert not file_system.exists(path)


def test_other_errors_are_os_errors(folder):
    file_system.make_folders(folder)
    with pytest.raises(OSError):
        file_system.read_bytes(folder)


def test_images(folder):
    file_system.make_folders(folder)
    image = random_images(20, 17, 3)
    write_image(f"{folder}/a.png", image)
    atomic.write_text(f"{folder}/all.txt", "a.png\n")
    for source in (folder, f"{folder}/*.png", f"{folder}/all.txt"):
        assert list_images(source) == [f"{folder}/a.png"]
    assert (read_pixels(f"{folder}/a.png") == image).all()
    assert sorted(file_system.names_in(folder)) == ["a.png", "all.txt"]


def test_the_store_is_tensorflows():
    file_system.write_bytes("ram://here/a", b"1")
    with tf.io.gfile.GFile("ram://here/a", "rb") as file:
        assert file.read() == b"1"
