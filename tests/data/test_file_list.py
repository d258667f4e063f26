"""Lists of images from folders, globs and list files."""

import os

import pytest

from deepfill_tf.data import list_images
from deepfill_tf.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.JPG", "deep/er/c.WebP", "notes.md", "deep/d.tiff"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def _names(paths, folder):
    return [path.removeprefix(str(folder / "images") + "/") for path in paths]


def test_a_folder_is_searched_recursively(folder):
    found = list_images(str(folder / "images"))
    assert _names(found, folder) == ["a.JPG", "b.png", "deep/d.tiff", "deep/er/c.WebP"]


def test_a_source_is_relative_to_the_root(folder):
    assert list_images("images", str(folder)) == list_images(str(folder / "images"))


@pytest.mark.parametrize(
    ("pattern", "names"), [("*.png", ["b.png"]), ("*", ["a.JPG", "b.png"]), ("b.png", ["b.png"])]
)
def test_a_glob_lists_its_images(folder, pattern, names):
    assert _names(list_images(f"images/{pattern}", str(folder)), folder) == names


@pytest.mark.parametrize("suffix", [".flist", ".txt"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_list_keeps_its_order_and_is_relative_to_its_folder(folder, suffix, line_end):
    lines = ["images/b.png", "", "  ", "/elsewhere/z.png", "images/a.JPG "]
    (folder / f"all{suffix}").write_bytes(line_end.join(lines).encode())
    found = list_images(f"all{suffix}", str(folder))
    assert found == [
        str(folder / "images/b.png"),
        "/elsewhere/z.png",
        str(folder / "images/a.JPG"),
    ]


@pytest.mark.parametrize("address", ["gs://bucket/a.png", "/elsewhere/a.png"])
def test_absolute_paths_in_a_list_are_kept(folder, address):
    (folder / "all.flist").write_text(address)
    assert list_images("all.flist", str(folder)) == [address]


@pytest.mark.parametrize("source", ["missing", "missing/*.png", "missing.flist", "empty", "e.txt"])
def test_a_missing_or_empty_source_is_named(folder, source):
    (folder / "empty").mkdir()
    (folder / "e.txt").write_text("\n\n")
    with pytest.raises(UserError) as error:
        list_images(source, str(folder))
    assert str(folder / source) in str(error.value) and "\n" not in str(error.value)


def test_files_of_other_systems_are_passed_over(folder):
    for name in ("._a.JPG", "deep/._d.tiff", ".DS_Store", "Thumbs.db"):
        (folder / "images" / name).touch()
    assert len(list_images("images", str(folder))) == 4
    assert _names(list_images("images/*", str(folder)), folder) == ["a.JPG", "b.png"]


def test_links_are_followed_and_loops_end(folder):
    (folder / "images" / "deep" / "loop").symlink_to(folder / "images")
    (folder / "images" / "itself").symlink_to("itself")
    (folder / "images" / "linked").symlink_to(folder / "images" / "deep" / "er")
    assert _names(list_images("images", str(folder)), folder) == [
        "a.JPG",
        "b.png",
        "deep/d.tiff",
        "deep/er/c.WebP",
        "linked/c.WebP",
    ]


def test_names_that_are_not_utf_8_are_passed_over_with_a_warning(folder, caplog):
    with open(os.fsencode(folder) + b"/images/\xe9.png", "w"):
        pass
    assert len(list_images("images", str(folder))) == 4
    assert "passed over 1 images" in caplog.text and r"\xe9.png" in caplog.text
