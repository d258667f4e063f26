"""Where images are found: in folders, lists and tar archives."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.file_list import is_image, list_images
from deepfill_tf.errors import UserError

TAR_SUFFIX = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


@dataclass(frozen=True, order=True)
class Reference:
    """An image's place: a file, or `length` bytes of an archive from `offset` on."""

    name: str
    path: str
    offset: int = 0
    length: int | None = None

    def read(self) -> bytes:
        """The encoded bytes. Raises what `tf.io.gfile` raises."""
        with tf.io.gfile.GFile(self.path, "rb") as file:
            if self.length is None:
                return file.read()
            file.seek(self.offset)
            return file.read(self.length)


def expand(source: str) -> list[str]:
    """The files of a source: a tar archive itself, or the images of a folder, glob or list.

    Raises UserError where there is nothing, or an archive that is compressed.
    """
    if source.lower().endswith(COMPRESSED):
        raise UserError(f"cannot read {source} in any order: unpack it, or make it a plain .tar")
    if source.lower().endswith(TAR_SUFFIX):
        if not tf.io.gfile.exists(source):
            raise UserError(f"there is no archive {source}")
        return [source]
    return list_images(source)


def references(path: str) -> Iterator[Reference]:
    """The images of one file that `expand` gave. Raises UserError for a damaged archive."""
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
        raise UserError(f"cannot read the archive {path}: {error}") from error
