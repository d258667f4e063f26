"""Networks whose features the distances of sets of images compare."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError, reason
from deepfill_tf.evaluation.inception import FIDInception
from deepfill_tf.evaluation.torch_weights import read_torch_tensors

# First digits of the SHA-256 of the weights of FID; they are also in the file's name.
FID_SHA256 = "6726825d"
FID_HINT = (
    "no weights of InceptionV3, which no package ships: name the file "
    "pt_inception-2015-12-05-6726825d.pth that pytorch-fid downloads"
)


@dataclass(frozen=True)
class FeatureNetwork:
    """A network with its name.

    Attributes:
      name: of the file, for a report.
      is_inception: it has the weights of FID; distances on any other network never carry the
        name FID.
      sha256: of the file; of a SavedModel, of its graph and variables.
      features: `features(images)` returns float32 `[N, D]` of uint8 images `[N, H, W, 3]`.
    """

    name: str
    is_inception: bool
    sha256: str
    features: Callable[[np.ndarray], np.ndarray]


def load_feature_network(path: str) -> FeatureNetwork:
    """Returns the network of a file.

    Args:
      path: weights of the InceptionV3 of FID in a file of PyTorch (.pth), or the directory of a
        SavedModel whose `serving_default` takes one tensor of images, uint8 `[N, H, W, 3]` or
        float32 in [-1, 1], and returns features, one tensor `[N, D]`. Only name a SavedModel
        that you trust: it is a program.

    Raises UserError if the file is missing or is neither.
    """
    name = os.path.basename(path.rstrip("/"))
    if tf.io.gfile.isdir(path):
        return FeatureNetwork(name, False, _directory_hash(path), _saved_model(path))
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except tf.errors.OpError as error:
        raise UserError(f"cannot read the weights {path}: {reason(error)}") from error
    try:
        arrays = read_torch_tensors(content)
    except Exception as error:  # Readers raise all kinds of errors for corrupt files.
        raise UserError(
            f"{path} is neither weights of InceptionV3 in a file of PyTorch nor the directory of "
            f"a SavedModel: {reason(error)}"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    network = FIDInception(arrays, path)
    return FeatureNetwork(name, digest.startswith(FID_SHA256), digest, network)


def _saved_model(path: str) -> Callable[[np.ndarray], np.ndarray]:
    try:
        model = tf.saved_model.load(path)
        serve = model.signatures["serving_default"]
    except (OSError, KeyError, tf.errors.OpError) as error:
        raise UserError(f"cannot load the SavedModel {path}: {reason(error)}") from error
    inputs = serve.structured_input_signature[1]
    if len(inputs) != 1 or len(serve.structured_outputs) != 1:
        raise UserError(
            f"{path} must take one tensor and return one, it takes {len(inputs)} and returns "
            f"{len(serve.structured_outputs)}"
        )
    [(argument, spec)] = inputs.items()

    def features(images: np.ndarray) -> np.ndarray:
        values = tf.constant(images)
        if spec.dtype != tf.uint8:
            values = tf.cast(values, spec.dtype) / 127.5 - 1
        # Keeps the model alive, whose variables the signature uses.
        [computed] = model.signatures["serving_default"](**{argument: values}).values()
        if computed.shape.rank != 2:
            raise UserError(f"{path} must return features [N, D], got {computed.shape}")
        return computed.numpy()

    return features


def _directory_hash(path: str) -> str:
    digest = hashlib.sha256()
    for folder, _, names in sorted(tf.io.gfile.walk(path)):
        for name in sorted(names):
            with tf.io.gfile.GFile(os.path.join(folder, name), "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
