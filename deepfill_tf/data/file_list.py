"""Lists of images: of a folder, a glob, a list file or TFRecord shards."""

import logging
import os

from deepfill_tf import file_system
from deepfill_tf.data.list_files import LIST_SUFFIXES, read_list
from deepfill_tf.data.record_addresses import SHARD_SUFFIX
from deepfill_tf.errors import UserError, reason

LOG = logging.getLogger(__name__)

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"),
    *(".avif", ".gif", ".heic", ".heif"),
)
# How names begin of the files in which macOS keeps what other file systems have no place for.
RESOURCE_FORK = "._"


def list_images(source: str, root: str | None = None) -> list[str]:
    """Paths of images, in a fixed order.

    Args:
      source: a folder (all images below it, sorted), a glob (sorted), or a file list
        ending in .flist, .txt, .csv or .tsv (see `list_files.read_list`), in the list's order,
        relative to the list's folder. For a TFRecord shard, or a glob of shards, the addresses
        of their records are returned, see `data.records`.
      root: folder that a relative `source` is relative to.

    Files of a Mac whose names begin with "._" are passed over.

    Raises UserError that names the source if there are no images, or if a part of it cannot be
    read. `check_readable` checks whether the listed files exist.
    """
    where = _below(root or "", source)
    try:
        if file_system.is_folder(where):
            paths = sorted(_unicode_only(_images_below(where)))
        elif where.lower().endswith(LIST_SUFFIXES):
            paths = _read_list(where)
        elif where.lower().endswith(SHARD_SUFFIX):
            paths = _records(where)
        else:
            paths = sorted(path for path in file_system.matching(where) if is_image(path))
    except UserError:
        raise
    except (OSError, UnicodeError) as error:
        raise UserError(f"cannot read {where}: {reason(error)}") from error
    if not paths:
        state = "lists no images" if file_system.exists(where) else "does not exist"
        raise UserError(f"there are no images: {where} {state}")
    return paths


def is_image(path: str) -> bool:
    """Returns True if a file's name is that of an image: one of `IMAGE_SUFFIXES`, in either case.

    Names that begin with "._" are not, whatever they end with.
    """
    name = path.rsplit("/", 1)[-1]
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(RESOURCE_FORK)


def _records(pattern: str) -> list[str]:
    from deepfill_tf.data.records import list_records  # with TensorFlow

    shards = sorted(file_system.matching(pattern))
    return [record for shard in shards for record in list_records(shard)]


def _images_below(folder: str) -> list[str]:
    """Paths of the images below a folder, those behind links to folders included."""
    return [
        os.path.join(parent, name)
        for parent, names in file_system.walk(folder)
        for name in names
        if is_image(name)
    ]


def _unicode_only(paths: list[str]) -> list[str]:
    """Passes over names that are not UTF-8: TensorFlow's operations take no others."""
    kept = [path for path in paths if _is_unicode(path)]
    if len(kept) < len(paths):
        passed_over = next(path for path in paths if not _is_unicode(path))
        LOG.warning(
            "passed over %d images whose names are not UTF-8, such as %r",
            len(paths) - len(kept),
            os.fsencode(passed_over),
        )
    return kept


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_list(path: str) -> list[str]:
    if not file_system.exists(path):
        return []
    folder = os.path.dirname(path)
    return [_below(folder, line) for line in read_list(path, IMAGE_SUFFIXES)]


def _below(folder: str, path: str) -> str:
    """Joins a relative path to the folder; addresses such as gs://... are absolute."""
    return path if file_system.is_remote(path) else os.path.join(folder, path)
