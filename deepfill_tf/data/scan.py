"""A look at every picture of a list before the first step."""

import concurrent.futures
from collections.abc import Sequence

import tensorflow as tf
from PIL import Image

from deepfill_tf.data.picture_files import READING_ERRORS
from deepfill_tf.data.records import is_record
from deepfill_tf.errors import UserError

SHOWN = 10
THREADS = 16
# Paths that are handed to the threads at once.
PORTION = 4096


def scan_pictures(paths: Sequence[str]) -> None:
    """Checks that every path is there and begins as a picture does.

    Only the headers are read, by several threads. Raises one UserError that names the
    first ten offenders and says how many there are.
    """
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), PORTION):
            portion = paths[start : start + PORTION]
            reasons = pool.map(_what_is_wrong, portion)
            wrong += [f"{p} ({why})" for p, why in zip(portion, reasons, strict=True) if why]
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UserError(
            f"{len(wrong)} of {len(paths)} pictures cannot be read: "
            f"{', '.join(wrong[:SHOWN])}{more}"
        )


def _what_is_wrong(path: str) -> str | None:
    if is_record(path):  # looked at when its shard was made, which is as long as it should be
        return None
    try:
        with tf.io.gfile.GFile(path, "rb") as file, Image.open(file) as picture:
            return None if min(picture.size) > 0 else "empty"
    except tf.errors.NotFoundError:
        return "no such file"
    except READING_ERRORS:
        return "not a picture"
