"""A look at every image of a list before the first step."""

import concurrent.futures
from collections.abc import Sequence

import tensorflow as tf
from PIL import Image

from deepfill_tf.data.image_files import READING_ERRORS
from deepfill_tf.data.records import is_record
from deepfill_tf.errors import UserError

MAX_LISTED = 10
THREADS = 16
# Paths that are handed to the threads at once.
CHUNK = 4096


def check_readable(paths: Sequence[str]) -> None:
    """Checks that every path is there and begins as an image does.

    Only the headers are read, by several threads. Raises one UserError that names the
    first ten offenders and says how many there are.
    """
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), CHUNK):
            portion = paths[start : start + CHUNK]
            reasons = pool.map(read_error, portion)
            wrong += [f"{p} ({why})" for p, why in zip(portion, reasons, strict=True) if why]
    if wrong:
        more = f", and {len(wrong) - MAX_LISTED} more" if len(wrong) > MAX_LISTED else ""
        raise UserError(
            f"{len(wrong)} of {len(paths)} images cannot be read: "
            f"{', '.join(wrong[:MAX_LISTED])}{more}"
        )


def read_error(path: str) -> str | None:
    if is_record(path):  # looked at when its shard was made, which is as long as it should be
        return None
    try:
        with tf.io.gfile.GFile(path, "rb") as file, Image.open(file) as image:
            return None if min(image.size) > 0 else "empty"
    except tf.errors.NotFoundError:
        return "no such file"
    except READING_ERRORS:
        return "not an image"
