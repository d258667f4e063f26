"""Split and shard of an image, decided by its content alone.

Images that are added later do not move others.
"""

TRAIN, VALIDATION = "train", "validation"


def split_of(sha256: str, validation_fraction: float) -> str:
    """`TRAIN` or `VALIDATION`, from the first 32 bits of the checksum, hexadecimal digits."""
    return VALIDATION if int(sha256[:8], 16) < validation_fraction * 2**32 else TRAIN


def shard_of(sha256: str, shards: int) -> int:
    """Index of an image's shard in 0 .. shards - 1, from the next 32 bits of the checksum."""
    return int(sha256[8:16], 16) * shards // 2**32


def shard_name(split: str, index: int, shards: int) -> str:
    """File name of a shard, such as `train-00003-of-00010.tfrecord`."""
    return f"{split}-{index:05d}-of-{shards:05d}.tfrecord"
