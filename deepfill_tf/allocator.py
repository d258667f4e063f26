"""The C library's memory allocator, set for programs that allocate large tensors again and again.

glibc returns the memory of a large tensor to the kernel when it is freed, and the next tensor is
mapped and faulted in page by page. That can take half of the time of a training step, as system
time. `keep_freed_memory` lets the process keep freed memory. The commands call it; a program
that uses the library may call it too, before it imports TensorFlow:

    from deepfill_tf.allocator import keep_freed_memory

    keep_freed_memory()
    import tensorflow as tf

Nothing is changed by importing deepfill_tf.
"""

import ctypes
import os

# Set it to "default" to leave the allocator as it is.
SWITCH = "DEEPFILL_ALLOCATOR"
# Parameters of mallopt, from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
# Up to this number of cores one arena serves all threads: freed memory is used again whichever
# thread allocates. On more cores threads could wait for its lock.
MAX_CORES_FOR_ONE_ARENA = 4
_OTHER_ALLOCATORS = ("tcmalloc", "jemalloc", "mimalloc")


def keep_freed_memory() -> bool:
    """Lets the process keep freed memory instead of returning it to the kernel.

    To be called before TensorFlow is imported. Does nothing if the C library is not glibc, if
    another allocator is preloaded, or if the user has set `DEEPFILL_ALLOCATOR=default`, a
    variable `MALLOC_*`, or `GLIBC_TUNABLES` for malloc.

    Returns:
      Whether the allocator was set.
    """
    if _is_set_by_user():
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
        _ = library.gnu_get_libc_version
    except (OSError, AttributeError, TypeError):  # not glibc, not Linux
        return False
    settings = [(_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1)]
    if (os.cpu_count() or 1) <= MAX_CORES_FOR_ONE_ARENA:
        settings.append((_M_ARENA_MAX, 1))
    return all([mallopt(parameter, value) == 1 for parameter, value in settings])


def _is_set_by_user() -> bool:
    preloaded = os.environ.get("LD_PRELOAD", "")
    return (
        os.environ.get(SWITCH) == "default"
        or any(name.startswith("MALLOC_") for name in os.environ)
        or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
        or any(name in preloaded for name in _OTHER_ALLOCATORS)
    )
