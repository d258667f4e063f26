"""Checks of every image of a list before the first training step."""

import concurrent.futures
import os
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
from PIL import Image

from deepfill_tf.data.image_files.opening import FORMATS, READING_ERRORS, opened
from deepfill_tf.data.record_addresses import is_record
from deepfill_tf.data.records import open_image
from deepfill_tf.errors import UserError, truncated_list

# Images that a message names.
MAX_LISTED = 10
THREADS = 16
# Paths that are handed to the threads at once.
CHUNK = 4096
MISSING = "no such file"


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and the reason in words."""

    path: str
    reason: str

    @property
    def is_missing(self) -> bool:
        """True if there is no file."""
        return self.reason == MISSING

    def __str__(self) -> str:
        return f"{self.path} ({self.reason})"


def check_readable(paths: Sequence[str]) -> None:
    """Checks that every path exists and has the header of an image.

    Raises one UserError that names the first `MAX_LISTED` unreadable images and says how many
    there are.
    """
    if found := unreadable_images(paths):
        raise unreadable_error(found, len(paths))


def unreadable_images(paths: Sequence[str]) -> list[Unreadable]:
    """Images that are missing or have no image's header, in order.

    Only the headers are read, by several threads.
    """
    found = []
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            errors = pool.map(read_error, chunk)
            found += [Unreadable(p, e) for p, e in zip(chunk, errors, strict=True) if e]
    return found


def unreadable_error(found: Sequence[Unreadable], count: int) -> UserError:
    """The error of unreadable images, of `count` that were looked at."""
    names = truncated_list([str(image) for image in found], MAX_LISTED)
    return UserError(f"{len(found)} of {count} images cannot be read: {names}")


def read_error(path: str) -> str | None:
    """Reason why the header of an image cannot be read; None if it can."""
    if is_record(path):  # checked when its shard was made; `list_records` checked the shard's size
        return None
    try:
        if "://" in path:  # `opened` would read the whole file
            with open_image(path) as file, Image.open(file, formats=FORMATS):
                return None
        with opened(path):
            return None
    except UserError as error:
        if not os.path.exists(path):
            return MISSING
        return str(error).removeprefix(f"cannot read the image {path}: ")
    except tf.errors.NotFoundError:
        return MISSING
    except (*READING_ERRORS, tf.errors.OpError):
        return "it is not an image of a known format"
