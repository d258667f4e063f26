"""Images in TFRecord shards, read one by one in any order.

A record has an address, used like a path: `prepared/train-00000-of-00010.tfrecord@7413+51230`
is the shard, the record's offset in it, and the length of its content, in bytes. Next to a shard
is its index, `<shard>.index`, with a line for each record: offset, length, and the image's source.
So shards are read in any order, as lists of files are.
"""

import contextlib
import hashlib
import io
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import tensorflow as tf

from deepfill_tf import atomic, file_system
from deepfill_tf.data.record_addresses import RecordAddress, is_record, parse_address
from deepfill_tf.errors import UserError, reason

INDEX_SUFFIX = ".index"
# Bytes before a record's content, its length and a checksum of that; and after it, a checksum.
_HEADER, _FOOTER = 12, 4


def list_records(shard: str) -> list[str]:
    """Addresses of a shard's records, in order.

    Raises UserError if the shard or its index is missing, or if the two do not match.
    """
    index = shard + INDEX_SUFFIX
    try:
        with tf.io.gfile.GFile(index) as file:
            lines = file.read().split("\n")[:-1]
        places = [line.split("\t")[:2] for line in lines]
        addresses = [RecordAddress(shard, int(offset), int(length)) for offset, length in places]
        ends = [where.offset + where.length + _HEADER + _FOOTER for where in addresses]
        size = tf.io.gfile.stat(shard).length
    except tf.errors.NotFoundError as error:
        missing = index if tf.io.gfile.exists(shard) else shard
        raise UserError(f"there is no {missing}: make both with prepare_dataset.py") from error
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {index}: {reason(error)}") from error
    if max(ends, default=0) != size:
        raise UserError(
            f"{shard} has {size} bytes, its index says {max(ends, default=0)}: "
            "one of the two is damaged"
        )
    return [str(where) for where in addresses]


def open_image(path: str) -> BinaryIO:
    """Opens the encoded image of a file or of a record, for reading in binary.

    Raises UserError if `path` is a folder, a pipe or a device: opening a pipe would wait for ever.
    """
    if is_record(path):
        return io.BytesIO(read_record(path))
    if "://" not in path and os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"cannot read {path}: it is not a regular file")
    return tf.io.gfile.GFile(path, "rb")


def read_record(address: str) -> bytes:
    """The encoded image in a record.

    Raises UserError where there is none at that address, or another than was written; OSError if
    the shard cannot be read.
    """
    shard, offset, length = parse_address(address)
    content = file_system.read_bytes(shard, offset, _HEADER + length)
    if len(content) < _HEADER + length or struct.unpack("<Q", content[:8])[0] != length:
        raise UserError(f"there is no record at {address}")
    try:
        features = tf.train.Example.FromString(content[_HEADER:]).features.feature
    except Exception as error:  # protobuf's own, whose module differs between versions
        raise UserError(f"the record at {address} is damaged") from error
    encoded = b"".join(features["image/encoded"].bytes_list.value)
    expected = b"".join(features["image/sha256"].bytes_list.value)
    if hashlib.sha256(encoded).hexdigest().encode() != expected:
        raise UserError(f"the record at {address} is damaged")
    return encoded


def escape_name(name: str) -> str:
    """Escapes tabs, line ends and backslashes of a name, for a line of a table."""
    return name.translate({ord("\\"): r"\\", ord("\t"): r"\t", ord("\n"): r"\n", ord("\r"): r"\r"})


@contextlib.contextmanager
def open_shard(shard: str) -> Iterator["ShardWriter"]:
    """Opens a shard for writing; it and its index are there when the block has succeeded."""
    with atomic.file(shard) as path:
        with tf.io.TFRecordWriter(path) as writer:
            shard_writer = ShardWriter(writer)
            yield shard_writer
        atomic.write_text(shard + INDEX_SUFFIX, shard_writer.index)


class ShardWriter:
    """Writes the records of a shard, see `open_shard`."""

    def __init__(self, writer: tf.io.TFRecordWriter):
        self._writer = writer
        self._offset = 0
        self._lines: list[str] = []

    @property
    def index(self) -> str:
        """Content of the index of the records so far."""
        return "".join(self._lines)

    def write(
        self, encoded: bytes, *, kind: str, height: int, width: int, source: str, sha256: str
    ) -> None:
        """Adds a record.

        Args:
          encoded: the encoded image.
          kind: its format, such as "JPEG".
          height, width: its size in pixels.
          source: its name, for people.
          sha256: checksum of `encoded`, 64 hexadecimal digits.
        """
        text = {
            "image/encoded": encoded,
            "image/format": kind.encode(),
            "image/source": source.encode(),
            "image/sha256": sha256.encode(),
        }
        numbers = {"image/height": height, "image/width": width}
        features = {
            name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            for name, value in text.items()
        } | {
            name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            for name, value in numbers.items()
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        content = example.SerializeToString(deterministic=True)
        self._writer.write(content)
        self._lines.append(f"{self._offset}\t{len(content)}\t{escape_name(source)}\n")
        self._offset += _HEADER + len(content) + _FOOTER
