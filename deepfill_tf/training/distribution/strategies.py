"""Selection of the `tf.distribute` strategy: one device, several devices, several machines."""

import contextlib
import logging
import os
import re
from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.errors import UserError, reason
from deepfill_tf.training.distribution.cluster import Resolver, cluster_from_environment

LOG = logging.getLogger(__name__)

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")


def make_strategy(
    name: str = "auto", devices: Sequence[str] | None = None, tpu: str | None = None
) -> tf.distribute.Strategy:
    """Creates a `tf.distribute` strategy; gin files configure it as `strategy`.

    A cluster must be joined before TensorFlow runs any operation, so call this first.

    Args:
      name: "one_device" runs on the first GPU, or on the CPU if there is none; "mirrored" on all
        GPUs of this process; "multi_worker" on the GPUs of all processes of the cluster that the
        environment describes (see `training.distribution.cluster`); "tpu" on all cores of a TPU.
        "auto" selects the first of these that fits: the cluster, a TPU if `TPU_NAME` or `tpu` is
        set, several GPUs, one device.
      devices: other devices than all GPUs, such as `["CPU:0", "CPU:1"]`. A CPU is divided into
        as many logical devices as needed, unless TensorFlow has initialized it already.
      tpu: address of the TPU, "local" on a TPU virtual machine; None for `TPU_NAME`.

    Raises:
      ValueError: if an argument is invalid.
      UserError: if a device, a TPU or the cluster is missing.
    """
    check_choice("strategy.name", name, STRATEGIES)
    if not isinstance(devices, list | tuple | None):
        raise ValueError(f"strategy.devices must be a list of device names, got {devices!r}")
    if name in ("auto", "multi_worker"):
        cluster = cluster_from_environment()
        if cluster is not None:
            return _multi_worker(cluster)
    if name == "multi_worker":
        raise UserError(
            "strategy.name='multi_worker' needs a cluster of several processes: set TF_CONFIG or "
            "DEEPFILL_WORKERS, or start it with Slurm"
        )
    tpu = tpu or os.environ.get("TPU_NAME")
    if name == "tpu" or (name == "auto" and tpu and not devices):
        return _tpu(tpu)
    return _local(name, list(devices or []))


def _local(name: str, devices: list[str]) -> tf.distribute.Strategy:
    _divide_cpu(devices)
    known = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    for device in devices:
        if device not in known:
            raise UserError(f"there is no device {device!r}; there are {', '.join(known)}")
    gpus = [device for device in known if device.startswith("GPU")]
    if name == "mirrored" or (name == "auto" and len(devices or gpus) > 1):
        return tf.distribute.MirroredStrategy(devices or None)
    return tf.distribute.OneDeviceStrategy((devices or gpus or ["CPU:0"])[0])


def _multi_worker(cluster: Resolver) -> tf.distribute.Strategy:
    processes = sum(len(tasks) for tasks in cluster.cluster_spec().as_dict().values())
    # TensorFlow handles no signals while it waits.
    LOG.info("%s %d waits for all %d processes", cluster.task_type, cluster.task_id, processes)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=cluster)
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot join the cluster: {reason(error)}") from error


def _tpu(address: str | None) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address or "")
        if resolver.master():
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # without a TPU, several libraries raise their own types
        raise UserError(
            f"there is no TPU {address or '(strategy.tpu and TPU_NAME are not set)'}: "
            f"{reason(error)}"
        ) from error


def _divide_cpu(devices: list[str]) -> None:
    """Creates as many logical CPUs as the devices' names ask for."""
    numbers = [int(match[1]) for d in devices if (match := re.fullmatch(r"CPU:(\d+)", str(d)))]
    if not numbers or max(numbers) == 0:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * (max(numbers) + 1)
    with contextlib.suppress(RuntimeError):  # already initialized: the caller checks the names
        tf.config.set_logical_device_configuration(cpu, logical)
