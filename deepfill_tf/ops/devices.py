"""Facts about the devices that decide which implementation is fast."""

import functools
import os
from pathlib import Path

import tensorflow as tf


def runs_on_cpu() -> bool:
    """Whether there is no other device than CPUs."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


@functools.cache
def has_avx512() -> bool:
    """Whether oneDNN, TensorFlow's library of convolutions, has AVX-512 kernels for the CPU.

    They are not used if the variable ONEDNN_MAX_CPU_ISA names less.
    """
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA") or "AVX512"
    return "AVX512" in allowed.upper() and "avx512f" in processor_info().get("flags", "").split()


@functools.cache
def has_dilated_kernel_gradients() -> bool:
    """Whether TensorFlow's gradient by the kernel of a convolution takes dilations.

    On CPUs oneDNN's does, and TensorFlow's own does not.
    """
    with tf.init_scope():
        try:
            tf.raw_ops.Conv2DBackpropFilter(
                input=tf.zeros([1, 3, 3, 1]),
                filter_sizes=[2, 2, 1, 1],
                out_backprop=tf.zeros([1, 1, 1, 1]),
                strides=[1, 1, 1, 1],
                padding="VALID",
                dilations=[1, 2, 2, 1],
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def processor_info() -> dict[str, str]:
    """Entries of /proc/cpuinfo for the first processor; empty on other systems than Linux."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    entries = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in entries}
