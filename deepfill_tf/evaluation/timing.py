"""Time and peak memory of completing one image, cold and warm.

Cold is the first completion after loading, with tracing and compiling; warm are the ones after it.
Memory is the peak of the process's resident memory, and on a GPU that of the device's memory.
"""

import contextlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

WARM_CALLS = 5


def measure(load: Callable[[], Callable[[], Any]]) -> dict[str, float | None]:
    """Returns times in seconds and memory in bytes of a completion, by name.

    Args:
      load: makes the function that completes an image.

    Returns:
      `load_seconds`; `cold_seconds`, of the first call; `warm_seconds`, the median of the next
      five; `cold_peak_bytes`, of loading and the first call, and `warm_peak_bytes`, of the
      process, None where the system does not tell it; `gpu_peak_bytes`, None without a GPU.
    """
    _reset_peak()
    begin = time.perf_counter()
    complete = load()
    loaded = time.perf_counter()
    complete()
    cold = time.perf_counter()
    cold_peak = _peak_bytes()
    _reset_peak()
    warm = []
    for _ in range(WARM_CALLS):
        start = time.perf_counter()
        complete()
        warm.append(time.perf_counter() - start)
    return {
        "load_seconds": loaded - begin,
        "cold_seconds": cold - loaded,
        "warm_seconds": statistics.median(warm),
        "cold_peak_bytes": cold_peak,
        "warm_peak_bytes": _peak_bytes(),
        "gpu_peak_bytes": _gpu_peak_bytes(),
    }


def _peak_bytes() -> int | None:
    """Peak of the resident memory since the last reset; None where Linux's /proc is not there."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    for gpu in _gpus():
        tf.config.experimental.reset_memory_stats(gpu)


def _gpu_peak_bytes() -> int | None:
    peaks = [tf.config.experimental.get_memory_info(gpu)["peak"] for gpu in _gpus()]
    return sum(peaks) if peaks else None


def _gpus() -> list[str]:
    return [f"GPU:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]
