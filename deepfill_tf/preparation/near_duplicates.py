"""Near-duplicate images by their hashes, without comparing all pairs.

Two hashes of 64 bits that differ in at most three bits agree in at least one of four bands of 16
bits, so that only images that share a band are compared.
"""

from collections.abc import Iterable, Iterator

# Bits in which the hashes of near-duplicates differ at most.
MAX_DISTANCE = 3
BANDS = MAX_DISTANCE + 1
_BITS = 64 // BANDS
# Further images that share a band are compared with the first so many only.
MAX_COMPARED = 1000


def bands(difference_hash: int) -> list[tuple[int, int]]:
    """The four bands of a hash: pairs of a band's index and its 16 bits."""
    mask = 2**_BITS - 1
    return [(band, difference_hash >> (_BITS * band) & mask) for band in range(BANDS)]


def distance(one: int, other: int) -> int:
    """Number of bits in which two hashes differ."""
    return (one ^ other).bit_count()


def earlier_near_duplicates(bucket: Iterable[tuple]) -> Iterator[tuple[tuple, tuple]]:
    """Yields pairs of a near-duplicate and an earlier image like it, at most one for each.

    The images that share a band are tuples (rank, hash, ...); the rank is their order.
    """
    kept: list[tuple] = []
    for member in sorted(bucket):
        earlier = next((k for k in kept if distance(k[1], member[1]) <= MAX_DISTANCE), None)
        if earlier is not None:
            yield member, earlier
        if len(kept) < MAX_COMPARED:
            kept.append(member)
