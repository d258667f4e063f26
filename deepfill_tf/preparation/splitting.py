"""Training or validation, and which shard: decided by an image's content alone.

Images that are added later change no other's place.
"""

TRAIN, VALIDATION = "train", "validation"


def split_of(sha256: str, validation_share: float) -> str:
    """Whether an image is for training or validation, by the first 32 bits of its checksum."""
    return VALIDATION if int(sha256[:8], 16) < validation_share * 2**32 else TRAIN


def shard_of(sha256: str, shards: int) -> int:
    """The number of an image's shard, by other bits."""
    return int(sha256[8:16], 16) * shards // 2**32


def shard_name(split: str, number: int, shards: int) -> str:
    """Such as `train-00003-of-00010.tfrecord`."""
    return f"{split}-{number:05d}-of-{shards:05d}.tfrecord"
