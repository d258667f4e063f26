"""Where the replicas of a training step run."""

import contextlib
import logging
import os
import re
from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf.errors import UserError
from deepfill_tf.training.distribution.cluster import cluster_from_environment

LOG = logging.getLogger(__name__)

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")


def make_strategy(
    name: str = "auto", devices: Sequence[str] | None = None, tpu: str | None = None
) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy by name.

    "one_device" runs on the first GPU, or on the CPU where there is none; "mirrored" on
    all GPUs of this process; "multi_worker" on those of all processes of the cluster that the
    environment describes (see `training.distribution.cluster`); "tpu" on all cores of the TPU at the
    address `tpu` ("local" on a TPU virtual machine). "auto" takes what there is: the cluster,
    a TPU that `TPU_NAME` or `tpu` names, several GPUs, one device.

    `devices` names others than all GPUs, such as `["CPU:0", "CPU:1"]`: a processor is divided
    into as many logical ones as that takes, if TensorFlow has not started it yet. A cluster
    must be joined before TensorFlow has run anything.

    Raises UserError for another name, or for what is not there.
    """
    if name not in STRATEGIES:
        raise UserError(f"Trainer.strategy must be one of {STRATEGIES}, got {name!r}")
    if isinstance(devices, str):
        raise UserError(f"Trainer.devices must be a list of names, got the string {devices!r}")
    tpu = tpu or os.environ.get("TPU_NAME")
    cluster = cluster_from_environment() if name not in ("one_device", "mirrored", "tpu") else None
    if name == "multi_worker" and cluster is None:
        raise UserError(
            f"Trainer.strategy={name!r} needs a cluster of several processes: set TF_CONFIG or "
            "DEEPFILL_WORKERS, or start it by Slurm"
        )
    if cluster is not None:
        return _multi_worker(cluster)
    if name == "tpu" or (name == "auto" and tpu and not devices):
        return _tpu(tpu)
    devices = list(devices or [])
    _divide_processor(devices)
    there = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    for device in devices:
        if device not in there:
            raise UserError(f"there is no device {device!r}; there are {', '.join(there)}")
    gpus = [device for device in there if device.startswith("GPU")]
    if name == "auto":
        name = "mirrored" if len(devices or gpus) > 1 else "one_device"
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(devices or None)
    return tf.distribute.OneDeviceStrategy((devices or gpus or ["CPU:0"])[0])


def _multi_worker(cluster: tf.distribute.cluster_resolver.ClusterResolver):
    processes = sum(len(tasks) for tasks in cluster.cluster_spec().as_dict().values())
    # TensorFlow waits for the others without looking at signals.
    LOG.info("%s %d waits for all %d processes", cluster.task_type, cluster.task_id, processes)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=cluster)
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot join the cluster: {str(error).splitlines()[0]}") from error


def _tpu(address: str | None):
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address or "")
        if resolver.master():
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # whatever the libraries below raise where there is none
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"there is no TPU {address or '(Trainer.tpu and TPU_NAME are not set)'}: {reason}"
        ) from error


def _divide_processor(devices: list[str]) -> None:
    """Makes as many logical CPUs as the devices' names ask for."""
    numbers = [int(match[1]) for d in devices if (match := re.fullmatch(r"CPU:(\d+)", str(d)))]
    if not numbers or max(numbers) == 0:
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * (max(numbers) + 1)
    with contextlib.suppress(RuntimeError):  # already started: what there is will be checked
        tf.config.set_logical_device_configuration(processor, logical)
