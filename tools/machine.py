"""Facts about this machine, and measurements of time, memory and matrix products."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Vector extension -> its flag in /proc/cpuinfo.
EXTENSIONS = {
    "AVX2": "avx2",
    "AVX-512": "avx512f",
    "AVX512-BF16": "avx512_bf16",
    "AMX": "amx_tile",
}
# Environment variables that change the speed of TensorFlow.
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS", "TF_XLA_FLAGS")
MATRIX_SIDE = 2048
MATRIX_GFLOP = 2 * MATRIX_SIDE**3 / 1e9


def machine_facts() -> dict:
    """Processor, software and settings that decide about speed, for the report."""
    # Imported here, because a program may import this module before it silences TensorFlow.
    import tensorflow as tf

    from deepfill_tf.training.distribution.environment import processor_info, usable_cores

    info = processor_info()
    known = info.get("flags", "").split()
    return {
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "extensions": {name: flag in known for name, flag in EXTENSIONS.items()} if known else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "accelerators": [device.name for device in tf.config.list_physical_devices("GPU")],
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "baseline_peak_bytes": peak_bytes(),
    }


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """A function that calls `run`, which must wait for its result, and returns its seconds."""

    def seconds() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return seconds


def peak_bytes() -> int:
    """Peak resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux the ru_maxrss of a process starts at that of its parent.
        for entry in status.read_text().splitlines():
            if entry.startswith("VmHWM:"):
                return int(entry.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def interleaved(timers: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Seconds of each timer in every round, after one call of each that is not counted.

    Every round calls all timers, so that all see the same state of the machine.
    """
    for seconds in timers:
        seconds()
    by_round = [[seconds() for seconds in timers] for _ in range(rounds)]
    return [list(values) for values in zip(*by_round, strict=True)]


def matrix_product(dtype: str = "float32") -> Callable[[], float]:
    """A function that multiplies two square matrices and waits for the result."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal([MATRIX_SIDE] * 2, [0, 0]), dtype)
    return lambda: tf.matmul(matrix, matrix)[0, 0].numpy()


def matrix_product_rates(rounds: int) -> dict[str, float]:
    """GFLOP/s of `matrix_product` by dtype; a median over `rounds`."""
    types = ("float32", "bfloat16")
    measured = interleaved([timed(matrix_product(dtype)) for dtype in types], rounds)
    return {
        dtype: MATRIX_GFLOP / statistics.median(seconds)
        for dtype, seconds in zip(types, measured, strict=True)
    }
