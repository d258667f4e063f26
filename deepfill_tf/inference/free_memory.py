"""Memory that this process may still take."""

import os
from pathlib import Path

# Files of control groups, version 2 and 1: the limit, and what is taken.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def free_memory() -> int | None:
    """Returns bytes that this process may still take, or None where that is unknown.

    That is what the system has available, or less where a container has a limit of its own.
    """
    limits = [_available(), *(_left_in_group(*paths) for paths in _GROUPS)]
    known = [limit for limit in limits if limit is not None]
    return max(min(known), 0) if known else None


def used_memory() -> int:
    """Returns bytes that this process has in memory, 0 where that is unknown."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _left_in_group(limit: str, used: str) -> int | None:
    try:
        return int(Path(limit).read_text()) - int(Path(used).read_text())
    except (OSError, ValueError):  # there is no such group, or "max"
        return None
