"""File lists as editors, spreadsheets and other programs write them."""

import csv
import io
import os

import pytest

from deepfill_tf.data import list_images
from deepfill_tf.errors import UserError

NAMES = ["a.png", "b c.JPG", "gr\u00fcn.webp"]


def listed(folder, name: str, content: bytes) -> list[str]:
    (folder / name).write_bytes(content)
    return [path.removeprefix(f"{folder}/") for path in list_images(name, str(folder))]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_every_unicode_encoding_is_read(tmp_path, encoding, line_end):
    content = "".join(name + line_end for name in NAMES).encode(encoding)
    assert listed(tmp_path, "all.flist", content) == NAMES


def test_a_list_in_another_encoding_is_refused_with_its_line(tmp_path):
    with pytest.raises(UserError, match=r"all.txt is not a text in UTF-8 \(line 2\): save it as"):
        listed(tmp_path, "all.txt", "a.png\ngr\u00fcn.png\n".encode("latin-1"))


def test_quotes_and_comments_are_removed(tmp_path):
    lines = ["# my images", '"a.png"', "'b c.JPG'", "", "  #c.png", "./#d.png", "'e.png", '"']
    content = "\n".join(lines).encode()
    assert listed(tmp_path, "all.txt", content) == ["a.png", "b c.JPG", "./#d.png", "'e.png", '"']


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [["id", "file"], []])
def test_the_first_column_of_images_of_a_table_is_taken(tmp_path, suffix, delimiter, header):
    table = io.StringIO()
    names = [*NAMES, f'with{delimiter}, "quotes".png']
    writer = csv.writer(table, delimiter=delimiter)
    writer.writerows([header] if header else [])
    writer.writerows([number, name, "other.png"] for number, name in enumerate(names))
    assert listed(tmp_path, f"all{suffix}", table.getvalue().encode("utf-8-sig")) == names


def test_a_table_without_images_is_refused_with_a_row_of_it(tmp_path):
    with pytest.raises(UserError, match="no column of images.* but '1,cat'"):
        listed(tmp_path, "all.csv", b"id,label\n1,cat\n2,dog\n")
    with pytest.raises(UserError, match="lists no images"):
        listed(tmp_path, "all.csv", b"")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "all.txt")
    with pytest.raises(UserError, match="all.txt is not a regular file"):
        list_images("all.txt", str(tmp_path))
