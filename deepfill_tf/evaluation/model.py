"""A model as an evaluation sees it: its raw predictions of whole images, and its identity."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import tensorflow as tf

from deepfill_tf.data.sketches import CannySketches
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion import to_floats
from deepfill_tf.inference.inpainter import Inpainter
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.storage.loading import load_with_provenance
from deepfill_tf.storage.model_files import is_model_directory, is_saved_model
from deepfill_tf.storage.run_directory import CONFIG, is_run_directory
from deepfill_tf.storage.weights import weights_of

# What a guided model is given as sketches.
SKETCHES = ("empty", "canny")


@dataclass(frozen=True)
class Prediction:
    """What a model makes of a batch of images.

    Attributes:
      coarse, refined: uint8 `[N, H, W, C]`, of the whole images.
      offsets: int32 `[N, h, w, 2]` of the attention.
    """

    coarse: np.ndarray
    refined: np.ndarray
    offsets: np.ndarray


class EvaluatedModel:
    """A run directory, a model directory or a SavedModel, for evaluation.

    Args:
      path: the directory.
      sketches: what a guided model is given, "empty" sketches or "canny" ones of the original.

    Raises UserError if `path` is none of these, is damaged, or has no signature `raw`.
    """

    def __init__(self, path: str | os.PathLike, *, sketches: str = "empty"):
        if sketches not in SKETCHES:
            raise UserError(f"--sketches must be one of {', '.join(SKETCHES)}, got {sketches!r}")
        path = Path(path)
        if is_saved_model(path) and not is_model_directory(path) and not is_run_directory(path):
            inpainter = Inpainter.load(path)
            self.channels, self.guided = inpainter.channels, inpainter.guided
            # A signature does not keep its variables.
            self._saved_model = tf.saved_model.load(str(path))
            if "raw" not in self._saved_model.signatures:
                raise UserError(f"{path} has no signature 'raw', which evaluation needs")
            self._raw = self._saved_model.signatures["raw"]
            self.weights_hash = _hash_of_files(path)
            self._architecture = {}  # in the files
            self.step = None
        else:
            generator, provenance = load_with_provenance(path)
            self._raw = InpaintingModule(generator).raw
            # Equal to that of a file weights.safetensors in float32.
            weights = safetensors.numpy.save(weights_of(generator))
            self.weights_hash = hashlib.sha256(weights).hexdigest()
            self._architecture = architecture_of(generator)
            self.step = provenance.step
            self.channels, self.guided = generator.channels, generator.guided
        config = path / CONFIG
        self.config_hash = _hash(config) if config.is_file() else None
        self.sketches = sketches if self.guided else None

    @property
    def identity(self) -> str:
        """Models of equal identity make equal predictions."""
        architecture = json.dumps(self._architecture, sort_keys=True)
        return f"model {self.weights_hash} {architecture} {self.sketches} {tf.__version__}"

    def predict(self, images: np.ndarray, masks: np.ndarray) -> Prediction:
        """Returns the predictions of whole images.

        Args:
          images: uint8 `[N, H, W, C]`.
          masks: bool `[N, H, W, 1]`, True in the hole.

        Raises UserError if the device's memory does not suffice.
        """
        arguments = {"image": to_floats(images), "mask": tf.cast(masks, tf.float32)}
        if self.guided:
            arguments["sketch"] = tf.constant(self.sketches_of(images), tf.float32) / 255
        try:
            outputs = self._raw(**arguments)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                f"images of {images.shape[2]} x {images.shape[1]} need more memory than there is "
                f"({reason(error)}); pass a smaller --size"
            ) from error
        coarse, refined = (
            tf.saturate_cast((outputs[name] + 1) * 127.5, tf.uint8).numpy()
            for name in ("coarse", "refined")
        )
        return Prediction(coarse, refined, outputs["offsets"].numpy())

    def sketches_of(self, images: np.ndarray) -> np.ndarray:
        """Returns the sketches that a guided model is given, uint8 `[N, H, W, 1]`."""
        if self.sketches == "canny":
            canny = CannySketches()
            return np.stack([canny("", image, lambda other: other) for image in images])
        return np.zeros([*images.shape[:3], 1], np.uint8)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash_of_files(folder: Path) -> str:
    """Hash of the variables of a SavedModel, and of its graph."""
    files = [folder / "saved_model.pb", *sorted((folder / "variables").glob("*"))]
    return hashlib.sha256("".join(map(_hash, files)).encode()).hexdigest()
