"""Sources of images: folders, file lists and tar archives."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.file_list import is_image, list_images
from deepfill_tf.errors import UserError, reason

TAR_SUFFIX = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


@dataclass(frozen=True, order=True)
class Reference:
    """Location of an image: a file, or `length` bytes of an archive from `offset` on."""

    name: str
    path: str
    offset: int = 0
    length: int | None = None

    def read(self) -> bytes:
        """Reads the encoded image. Raises OSError or tf.errors.OpError if that fails."""
        with tf.io.gfile.GFile(self.path, "rb") as file:
            if self.length is None:
                return file.read()
            file.seek(self.offset)
            return file.read(self.length)


def expand(source: str) -> list[str]:
    """Files of a source: the tar archive itself, or the images of a folder, glob or file list.

    Raises UserError if the source is missing, empty, or a compressed archive.
    """
    if source.lower().endswith(COMPRESSED):
        raise UserError(
            f"cannot read single images of {source}: unpack it, or make it a plain .tar"
        )
    if source.lower().endswith(TAR_SUFFIX):
        if not tf.io.gfile.exists(source):
            raise UserError(f"there is no archive {source}")
        return [source]
    return list_images(source)


def references(path: str) -> Iterator[Reference]:
    """Yields the images of a file that `expand` returned. Raises UserError for a bad archive."""
    if not path.lower().endswith(TAR_SUFFIX):
        yield Reference(path, path)
        return
    try:
        with tf.io.gfile.GFile(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.isfile() and is_image(member.name):
                    name = f"{path}/{member.name}"
                    yield Reference(name, path, member.offset_data, member.size)
    except (tarfile.TarError, OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot read the archive {path}: {reason(error)}") from error
