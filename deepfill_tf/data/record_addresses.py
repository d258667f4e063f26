"""Addresses of records in TFRecord shards, which stand for paths of images; see `records`."""

import re
from typing import NamedTuple

SHARD_SUFFIX = ".tfrecord"
_ADDRESS = re.compile(r"(.+\.tfrecord)@(\d+)\+(\d+)")


class RecordAddress(NamedTuple):
    """A record's shard, its offset there, and the length of its content, in bytes."""

    shard: str
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.shard}@{self.offset}+{self.length}"


def parse_address(path: str) -> RecordAddress:
    """Returns the parts of an address. Raises ValueError if the path is none."""
    match = _ADDRESS.fullmatch(path)
    if match is None:
        raise ValueError(f"{path!r} is not the address of a record")
    return RecordAddress(match[1], int(match[2]), int(match[3]))


def is_record(path: str) -> bool:
    """Returns True if the path is the address of a record."""
    return _ADDRESS.fullmatch(path) is not None
