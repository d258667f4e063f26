"""The number of images of a list that training may go on without."""

# One per cent of the list, or the number below where that is more.
MAX_FAILURE_RATE = 0.01
FEW = 3


def max_failures(count: int) -> int:
    """Largest number of unreadable images, of `count`, that are replaced by others.

    It is `MAX_FAILURE_RATE` of them or `FEW`, whichever is more, but never all of them.
    """
    return min(max(FEW, int(MAX_FAILURE_RATE * count)), count - 1)


def limit_description(count: int) -> str:
    """`max_failures` in words, for messages."""
    return f"more than {max_failures(count)}, the most that are replaced by others"
