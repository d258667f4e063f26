"""The machine that things are measured on, and the measuring: clock, memory, a yardstick."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Name -> what Linux calls the instructions in /proc/cpuinfo.
EXTENSIONS = {
    "AVX2": "avx2",
    "AVX-512": "avx512f",
    "AVX512-BF16": "avx512_bf16",
    "AMX": "amx_tile",
}
# Settings from outside that change how fast TensorFlow is.
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS", "TF_XLA_FLAGS")
MATRIX_SIDE = 2048
MATRIX_GFLOP = 2 * MATRIX_SIDE**3 / 1e9


def machine_facts() -> dict:
    """The processor and what else decides about speed."""
    import tensorflow as tf  # here: who imports this module may still have to silence it

    facts = processor_facts()
    known = facts.get("flags", "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "extensions": {name: flag in known for name, flag in EXTENSIONS.items()} if known else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "accelerators": [device.name for device in tf.config.list_physical_devices("GPU")],
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "baseline_peak_bytes": peak_bytes(),
    }


def processor_facts() -> dict[str, str]:
    """What Linux says of the first processor, empty elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    entries = (entry.partition(":") for entry in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in entries}


def usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def clocked(run: Callable[[], object]) -> Callable[[], float]:
    """Seconds that `run` takes, which must have waited for its result when it returns."""

    def seconds() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return seconds


def peak_bytes() -> int:
    """The largest resident memory that this process had."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux lets a process begin with its parent's ru_maxrss, which is of no use here.
        for entry in status.read_text().splitlines():
            if entry.startswith("VmHWM:"):
                return int(entry.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def interleaved(timers: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Seconds of each timer in every round; one run of each before is not counted."""
    for seconds in timers:
        seconds()
    by_round = [[seconds() for seconds in timers] for _ in range(rounds)]
    return [list(values) for values in zip(*by_round, strict=True)]


def matrix_product(dtype: str = "float32") -> Callable[[], float]:
    """A function that multiplies two matrices and waits for the result."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal([MATRIX_SIDE] * 2, [0, 0]), dtype)
    return lambda: tf.matmul(matrix, matrix)[0, 0].numpy()


def matrix_product_rates(rounds: int) -> dict[str, float]:
    """10^9 multiplications and additions in a second, for each type of number."""
    types = ("float32", "bfloat16")
    measured = interleaved([clocked(matrix_product(dtype)) for dtype in types], rounds)
    return {
        dtype: MATRIX_GFLOP / statistics.median(seconds)
        for dtype, seconds in zip(types, measured, strict=True)
    }
