"""Lists of images: of a folder, a glob, a list file or TFRecord shards."""

import os

import tensorflow as tf

from deepfill_tf.data.records import SHARD_SUFFIX, list_records
from deepfill_tf.errors import UserError, reason

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
LIST_SUFFIXES = (".flist", ".txt")


def list_images(source: str, root: str | None = None) -> list[str]:
    """Paths of images, in a fixed order.

    Args:
      source: a folder (all images below it, sorted), a glob (sorted), or a file list
        ending in .flist or .txt: one path a line, in the list's order, relative to the list's
        folder, blank lines left out. For a TFRecord shard, or a glob of shards, the addresses
        of their records are returned, see `data.records`.
      root: folder that a relative `source` is relative to.

    Raises UserError that names the source if there are no images. `check_readable` checks
    whether the listed files exist.
    """
    where = _below(root or "", source)
    try:
        if tf.io.gfile.isdir(where):
            paths = _images_below(where)
        elif where.lower().endswith(LIST_SUFFIXES):
            paths = _read_list(where)
        elif where.lower().endswith(SHARD_SUFFIX):
            shards = sorted(tf.io.gfile.glob(where))
            paths = [record for shard in shards for record in list_records(shard)]
        else:
            paths = sorted(path for path in tf.io.gfile.glob(where) if is_image(path))
    except (OSError, UnicodeDecodeError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {where}: {reason(error)}") from error
    if not paths:
        state = "lists no images" if tf.io.gfile.exists(where) else "does not exist"
        raise UserError(f"there are no images: {where} {state}")
    return paths


def is_image(path: str) -> bool:
    """Returns True if the path ends with one of `IMAGE_SUFFIXES`, in either case."""
    return path.lower().endswith(IMAGE_SUFFIXES)


def _images_below(folder: str) -> list[str]:
    return sorted(
        os.path.join(parent, name)
        for parent, _, names in tf.io.gfile.walk(folder)
        for name in names
        if is_image(name)
    )


def _read_list(path: str) -> list[str]:
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path) as file:
        lines = [line.strip() for line in file.read().splitlines()]
    folder = os.path.dirname(path)
    return [_below(folder, line) for line in lines if line]


def _below(folder: str, path: str) -> str:
    """Joins a relative path to the folder; addresses such as gs://... are absolute."""
    return path if "://" in path else os.path.join(folder, path)
