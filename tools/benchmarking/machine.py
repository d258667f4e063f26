"""Facts about this machine, and measurements of time, memory and matrix products."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

# Vector extension -> its flag in /proc/cpuinfo.
EXTENSIONS = {
    "AVX2": "avx2",
    "AVX-512": "avx512f",
    "AVX512-BF16": "avx512_bf16",
    "AMX": "amx_tile",
}
# Environment variables that change the speed of TensorFlow.
VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "OMP_NUM_THREADS",
    "TF_XLA_FLAGS",
    "DEEPFILL_ALLOCATOR",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
)
MATRIX_SIDE = 2048
MATRIX_GFLOP = 2 * MATRIX_SIDE**3 / 1e9


def machine_facts() -> dict:
    """Processor, software and settings that decide about speed, for the report."""
    # Imported here, because a program may import this module before it silences TensorFlow.
    import tensorflow as tf

    from deepfill_tf.ops.devices import processor_info
    from deepfill_tf.training.distribution.environment import usable_cores

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
        "date": time.strftime("%Y-%m-%d"),
        "variables": {
            name: text
            for name, text in os.environ.items()
            if name in VARIABLES or name.startswith("MALLOC_")
        },
        "baseline_peak_bytes": peak_bytes(),
    }


def measured(run: Callable[[], object]) -> Callable[[], dict[str, float]]:
    """A function that calls `run`, which must wait for its result, and returns its measures."""

    def measure() -> dict[str, float]:
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_SELF)
        return {"seconds": seconds} | used(before, after)

    return measure


def used(before: resource.struct_rusage, after: resource.struct_rusage) -> dict[str, float]:
    """Processor time and page faults between two states of a process."""
    return {
        "user_seconds": after.ru_utime - before.ru_utime,
        "system_seconds": after.ru_stime - before.ru_stime,
        "page_faults": after.ru_minflt - before.ru_minflt,
    }


def peak_bytes(process: int | str = "self") -> int:
    """Peak resident memory of a process, this one by default, in bytes.

    Raises OSError if another one cannot be asked, or has ended.
    """
    status = Path(f"/proc/{process}/status")
    if process != "self" or status.exists():
        # On Linux the ru_maxrss of a process starts at that of its parent.
        for entry in status.read_text().splitlines():
            if entry.startswith("VmHWM:"):
                return int(entry.split()[1]) * 1024
        if process != "self":
            raise ProcessLookupError(f"process {process} has ended")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def matrix_product(dtype: str = "float32") -> Callable[[], float]:
    """A function that multiplies two square matrices and waits for the result."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal([MATRIX_SIDE] * 2, [0, 0]), dtype)
    return lambda: tf.matmul(matrix, matrix)[0, 0].numpy()


def matrix_product_rates(rounds: int) -> dict[str, float]:
    """GFLOP/s of `matrix_product` by dtype; a median over `rounds`, the types in turn."""
    measures = {dtype: measured(matrix_product(dtype)) for dtype in ("float32", "bfloat16")}
    # The first run of each is not counted.
    turns = [
        {t: measure()["seconds"] for t, measure in measures.items()} for _ in range(rounds + 1)
    ]
    return {t: MATRIX_GFLOP / statistics.median(turn[t] for turn in turns[1:]) for t in measures}
