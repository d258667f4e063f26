"""Reading file lists: text files of one path a line, and CSV tables with a column of paths."""

import codecs
import csv
import io
import os

from deepfill_tf import file_system
from deepfill_tf.errors import UserError

TEXT_SUFFIXES = (".flist", ".txt")
TABLE_SUFFIXES = (".csv", ".tsv")
LIST_SUFFIXES = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)
COMMENT = "#"
_QUOTES = ("'", '"')
_DELIMITERS = ",;\t"
# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_list(path: str, suffixes: tuple[str, ...]) -> list[str]:
    """Paths in a file list, in its order, as they are written there.

    Text lists (.flist, .txt) have one path a line, with or without quotes. Of tables (.csv, .tsv)
    the first column with an image in one of the first two rows is taken; a first row without an
    image is a header. Blank lines and those that begin with "#" are left out. The text is UTF-8,
    UTF-16 or UTF-32.

    Args:
      path: the list; its suffix says which kind it is.
      suffixes: what names of images end with, in lower case.

    Raises UserError if it is not text, or is a table without images; OSError if it cannot be read.
    """
    if not file_system.is_remote(path) and not os.path.isfile(path):
        raise UserError(f"{path} is not a regular file")  # reading a pipe would wait for ever
    text = _decoded(path, file_system.read_bytes(path))
    if path.lower().endswith(TABLE_SUFFIXES):
        return _paths_of_table(path, text, suffixes)
    lines = (line.strip() for line in text.splitlines())
    return [_unquoted(line) for line in lines if line and not line.startswith(COMMENT)]


def _decoded(path: str, content: bytes) -> str:
    marked = [name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)]
    encoding = marked[0] if marked else "utf-8"
    if not marked and b"\0" in content:  # every other byte of Latin text in UTF-16
        little = content[1::2].count(0) > content[::2].count(0)
        encoding = "utf-16-le" if little else "utf-16-be"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not a text in {encoding.upper()} (line {line}): save it as UTF-8"
        ) from error


def _unquoted(line: str) -> str:
    is_quoted = len(line) > 1 and line[0] == line[-1] and line[0] in _QUOTES
    return line[1:-1].strip() if is_quoted else line


def _paths_of_table(path: str, text: str, suffixes: tuple[str, ...]) -> list[str]:
    first_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    rows = [
        row
        for row in csv.reader(io.StringIO(text), delimiter=delimiter)
        if any(row) and not row[0].startswith(COMMENT)
    ]
    for number, row in enumerate(rows[:2]):
        for column, cell in enumerate(row):
            if cell.strip().lower().endswith(suffixes):
                cells = (row[column].strip() for row in rows[number:] if len(row) > column)
                return [cell for cell in cells if cell]
    if not rows:
        return []
    raise UserError(
        f"{path} has no column of images: neither of its first two rows holds a path that ends "
        f"with {', '.join(suffixes)}, but {delimiter.join(rows[:2][-1])!r}"
    )
