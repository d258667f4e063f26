"""Checks of every image of a list before the first training step."""

import concurrent.futures
from collections.abc import Sequence

import tensorflow as tf
from PIL import Image

from deepfill_tf.data.image_files import READING_ERRORS
from deepfill_tf.data.records import is_record
from deepfill_tf.errors import UserError, truncated_list

# Images that a message names.
MAX_LISTED = 10
THREADS = 16
# Paths that are handed to the threads at once.
CHUNK = 4096


def check_readable(paths: Sequence[str]) -> None:
    """Checks that every path exists and has the header of an image.

    Only the headers are read, by several threads. Raises one UserError that names the first
    `MAX_LISTED` unreadable images and says how many there are.
    """
    unreadable = []
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            errors = pool.map(read_error, chunk)
            unreadable += [
                f"{p} ({error})" for p, error in zip(chunk, errors, strict=True) if error
            ]
    if unreadable:
        raise UserError(
            f"{len(unreadable)} of {len(paths)} images cannot be read: "
            f"{truncated_list(unreadable, MAX_LISTED)}"
        )


def read_error(path: str) -> str | None:
    """Reason why the header of an image cannot be read; None if it can."""
    if is_record(path):  # checked when its shard was made; `list_records` checked the shard's size
        return None
    try:
        with tf.io.gfile.GFile(path, "rb") as file, Image.open(file) as image:
            return None if min(image.size) > 0 else "empty"
    except tf.errors.NotFoundError:
        return "no such file"
    except READING_ERRORS:
        return "not an image"
