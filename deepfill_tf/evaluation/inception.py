"""The InceptionV3 of FID: features of 2048 numbers.

The network of Szegedy et al. (2015) as FID uses it, with the weights of the release of
2015-12-05 in the file that the PyTorch packages pytorch-fid and torch-fidelity download. It
differs from Keras's and torchvision's network: average poolings leave the padding out, and the
last block takes a maximum.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError

FEATURES = 2048
_EPSILON = 1e-3
_SIZE = 299
# Convolutions of a block that reduce height and width; all others pad so that both stay.
_STEM = (
    ("Conv2d_1a_3x3", 2, "VALID"),
    ("Conv2d_2a_3x3", 1, "VALID"),
    ("Conv2d_2b_3x3", 1, "SAME"),
    ("pool", 2, "VALID"),
    ("Conv2d_3b_1x1", 1, "VALID"),
    ("Conv2d_4a_3x3", 1, "VALID"),
    ("pool", 2, "VALID"),
)
# Branches of each kind of block. A branch is a chain of convolutions; "/2" halves height and
# width, "avg" and "max" are poolings of 3 x 3, a tuple is two convolutions side by side.
_BRANCHES: Mapping[str, tuple[tuple[str | tuple[str, str], ...], ...]] = {
    "A": (
        ("branch1x1",),
        ("branch5x5_1", "branch5x5_2"),
        ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        ("avg", "branch_pool"),
    ),
    "B": (
        ("branch3x3/2",),
        ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3/2"),
        ("max/2",),
    ),
    "C": (
        ("branch1x1",),
        ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
        tuple(f"branch7x7dbl_{i}" for i in range(1, 6)),
        ("avg", "branch_pool"),
    ),
    "D": (
        ("branch3x3_1", "branch3x3_2/2"),
        ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4/2"),
        ("max/2",),
    ),
    "E": (
        ("branch1x1",),
        ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
        ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
        ("avg", "branch_pool"),
    ),
}
_BLOCKS = (
    *(("Mixed_5b", "A"), ("Mixed_5c", "A"), ("Mixed_5d", "A")),
    ("Mixed_6a", "B"),
    *(("Mixed_6b", "C"), ("Mixed_6c", "C"), ("Mixed_6d", "C"), ("Mixed_6e", "C")),
    ("Mixed_7a", "D"),
    *(("Mixed_7b", "E"), ("Mixed_7c", "E")),
)
# The block whose average pooling is a maximum.
_LAST = "Mixed_7c"


class FIDInception:
    """Features of the last pooling.

    Args:
      arrays: by the names of the PyTorch file, such as `Conv2d_1a_3x3.conv.weight` and
        `Conv2d_1a_3x3.bn.running_mean`.
      path: of the file, for messages.

    Raises UserError if an array is missing or has another shape.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], path: str):
        self._weights = {name: _folded(arrays, name, path) for name in _names()}
        self._features = tf.function(self._computed, reduce_retracing=True)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns float32 `[N, 2048]` of uint8 images `[N, H, W, 3]` of any size.

        They are resized to 299 x 299, bilinear without antialiasing, as pytorch-fid does.
        """
        return self._features(tf.constant(images)).numpy()

    def _computed(self, images: tf.Tensor) -> tf.Tensor:
        values = tf.image.resize(tf.cast(images, tf.float32) / 255, [_SIZE, _SIZE]) * 2 - 1
        for name, stride, padding in _STEM:
            if name == "pool":
                values = tf.nn.max_pool2d(values, 3, stride, padding)
            else:
                values = self._convolved(values, name, stride, padding)
        for block, kind in _BLOCKS:
            values = tf.concat([self._branch(values, block, b) for b in _BRANCHES[kind]], axis=-1)
        return tf.reduce_mean(values, axis=[1, 2])

    def _branch(self, values: tf.Tensor, block: str, steps) -> tf.Tensor:
        for step in steps:
            if isinstance(step, tuple):
                values = tf.concat(
                    [self._convolved(values, f"{block}.{part}") for part in step], axis=-1
                )
                continue
            name, _, halved = step.partition("/")
            stride, padding = (2, "VALID") if halved else (1, "SAME")
            if name == "avg" and block != _LAST:
                # Padding is not counted.
                values = tf.nn.avg_pool2d(values, 3, stride, padding)
            elif name in ("avg", "max"):
                values = tf.nn.max_pool2d(values, 3, stride, padding)
            else:
                values = self._convolved(values, f"{block}.{name}", stride, padding)
        return values

    def _convolved(
        self, values: tf.Tensor, name: str, stride: int = 1, padding: str = "SAME"
    ) -> tf.Tensor:
        kernel, bias = self._weights[name]
        return tf.nn.relu(tf.nn.conv2d(values, kernel, stride, padding) + bias)


def _names() -> list[str]:
    """Names of all convolutions."""
    names = [name for name, _, _ in _STEM if name != "pool"]
    for block, kind in _BLOCKS:
        for branch in _BRANCHES[kind]:
            for step in branch:
                parts = step if isinstance(step, tuple) else (step.partition("/")[0],)
                names += [f"{block}.{part}" for part in parts if part not in ("avg", "max")]
    return names


def _folded(arrays: Mapping[str, np.ndarray], name: str, path: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Kernel and bias of a convolution with its batch normalisation folded in."""
    wanted = [f"{name}.conv.weight"]
    wanted += [f"{name}.bn.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    for key in wanted:
        if key not in arrays:
            raise UserError(f"{path} is not the InceptionV3 of FID: it lacks {key}")
    kernel, scale, offset, mean, variance = (arrays[key].astype(np.float64) for key in wanted)
    if kernel.ndim != 4 or any(
        x.shape != kernel.shape[:1] for x in (scale, offset, mean, variance)
    ):
        raise UserError(f"{path} is not the InceptionV3 of FID: {name} has other shapes")
    factor = scale / np.sqrt(variance + _EPSILON)
    kernel = kernel.transpose(2, 3, 1, 0) * factor
    return tf.constant(kernel, tf.float32), tf.constant(offset - mean * factor, tf.float32)
