"""Where the replicas of a training step run."""

import tensorflow as tf

STRATEGIES = ("auto", "one_device", "mirrored")


def make_strategy(name: str = "auto", devices: list[str] | None = None) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy by name.

    "one_device" runs on the first GPU, or on the CPU where there is none;
    "mirrored" on all GPUs, or on `devices` such as `["CPU:0", "CPU:1"]`; "auto" is
    "mirrored" where there are several GPUs. Raises ValueError for another name.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}, got {name!r}")
    gpus = tf.config.list_logical_devices("GPU")
    if name == "auto":
        name = "mirrored" if len(gpus) > 1 or devices else "one_device"
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(devices)
    device = devices[0] if devices else ("GPU:0" if gpus else "CPU:0")
    return tf.distribute.OneDeviceStrategy(device)
