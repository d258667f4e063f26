"""Where the replicas of a training step run."""

import contextlib
import re
from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf.errors import UserError

STRATEGIES = ("auto", "one_device", "mirrored")


def make_strategy(
    name: str = "auto", devices: Sequence[str] | None = None
) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy by name.

    "one_device" runs on the first GPU, or on the CPU where there is none; "mirrored" on
    all GPUs; "auto" is "mirrored" where there are several GPUs. `devices` names others,
    such as `["CPU:0", "CPU:1"]`: a processor is divided into as many logical ones as that
    takes, if TensorFlow has not started it yet.

    Raises UserError for another name, or for a device that is not there.
    """
    if name not in STRATEGIES:
        raise UserError(f"Trainer.strategy must be one of {STRATEGIES}, got {name!r}")
    if isinstance(devices, str):
        raise UserError(f"Trainer.devices must be a list of names, got the string {devices!r}")
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


def _divide_processor(devices: list[str]) -> None:
    """Makes as many logical CPUs as the devices' names ask for."""
    numbers = [int(match[1]) for d in devices if (match := re.fullmatch(r"CPU:(\d+)", str(d)))]
    if not numbers or max(numbers) == 0:
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * (max(numbers) + 1)
    with contextlib.suppress(RuntimeError):  # already started: what there is will be checked
        tf.config.set_logical_device_configuration(processor, logical)
