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

    They are not used if the variable ONEDNN_MAX_CPU_ISA names less, or TF_ENABLE_ONEDNN_OPTS=0
    turns oneDNN off.
    """
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() in ("0", "false"):
        return False
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA") or "AVX512"
    return "AVX512" in allowed.upper() and "avx512f" in processor_info().get("flags", "").split()


def has_dilated_kernel_gradients(dtype: tf.DType) -> bool:
    """Whether TensorFlow computes the gradient by the kernel of a dilated convolution on CPUs.

    oneDNN does for some types, and TensorFlow's own kernel for none. False while a graph of
    TensorFlow 1 is made, where that cannot be tried.
    """
    with tf.init_scope():
        return tf.executing_eagerly() and _computes_dilated_kernel_gradients(dtype)


@functools.cache
def _computes_dilated_kernel_gradients(dtype: tf.DType) -> bool:
    try:
        with tf.device("CPU:0"):
            tf.raw_ops.Conv2DBackpropFilter(
                input=tf.zeros([1, 3, 3, 1], dtype),
                filter_sizes=[2, 2, 1, 1],
                out_backprop=tf.zeros([1, 1, 1, 1], dtype),
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
