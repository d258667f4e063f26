"""Which images are the same or nearly so, without comparing each with each.

Two hashes of 64 bits that differ in at most three agree in at least one of four bands of 16 bits:
only images that share a band are compared.
"""

from collections.abc import Iterable, Iterator

# Of 64 bits, in hashes of images that count as nearly the same.
GREATEST_DISTANCE = 3
BANDS = GREATEST_DISTANCE + 1
_BITS = 64 // BANDS
# Images of one band that are compared: those beyond are compared with so many only.
GREATEST_BUCKET = 1000


def bands(difference_hash: int) -> list[tuple[int, int]]:
    """Four pairs of a band's number and its bits."""
    mask = 2**_BITS - 1
    return [(band, difference_hash >> (_BITS * band) & mask) for band in range(BANDS)]


def distance(one: int, other: int) -> int:
    """How many bits of two hashes differ."""
    return (one ^ other).bit_count()


def earlier_near_duplicates(bucket: Iterable[tuple]) -> Iterator[tuple[tuple, tuple]]:
    """Pairs of a member and an earlier one that it is near, at most one for each.

    Members are (rank, hash), ordered by rank; so of images that are nearly the same the first
    stays.
    """
    kept: list[tuple] = []
    for member in sorted(bucket):
        earlier = next((k for k in kept if distance(k[1], member[1]) <= GREATEST_DISTANCE), None)
        if earlier is not None:
            yield member, earlier
        if len(kept) < GREATEST_BUCKET:
            kept.append(member)
