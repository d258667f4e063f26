"""What the last bits of a result depend on besides the config: versions, processor, replicas."""

import os
import platform

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.devices import processor_info


def environment_info(strategy: tf.distribute.Strategy) -> dict[str, object]:
    """Returns the environment of this training: versions, machine, threads, replicas, GPUs."""
    return {
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "processor": _processor_name(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or usable_cores(),
        "replicas": strategy.num_replicas_in_sync,
        "gpus": len(tf.config.list_physical_devices("GPU")),
    }


def usable_cores() -> int:
    """Number of processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _processor_name() -> str:
    """The processor's model name; "" if the system does not provide it."""
    info = processor_info()
    return info.get("model name", "") if info else platform.processor()
