"""What the last bits of a result depend on besides the config: versions, processor, replicas."""

import os
import platform

import numpy as np
import tensorflow as tf


def environment_info(strategy: tf.distribute.Strategy) -> dict[str, object]:
    """Returns the environment of this training: versions, machine, threads, replicas, GPUs."""
    return {
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "processor": _processor_name(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or _processor_count(),
        "replicas": strategy.num_replicas_in_sync,
        "gpus": len(tf.config.list_physical_devices("GPU")),
    }


def _processor_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _processor_name() -> str:
    """The processor's model name; "" if the system does not provide it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = (line for line in file if line.startswith("model name"))
            return next(lines, ":").split(":", 1)[1].strip()
    except OSError:
        return platform.processor()
