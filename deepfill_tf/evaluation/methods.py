"""What is compared in an evaluation: a model, its coarse stage, other programs, baselines.

A group of methods is computed together: a model gives its own completion and that of its coarse
stage. Every other group is one method.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import image_size, read_pixels
from deepfill_tf.errors import UserError, truncated_list
from deepfill_tf.evaluation.baseline import Baseline
from deepfill_tf.evaluation.manifest import Manifest, file_hash
from deepfill_tf.evaluation.model import EvaluatedModel

MODEL, COARSE = "model", "coarse"


def hole_names(manifest: Manifest) -> list[str]:
    """Returns the names of a manifest's holes, in its order: `a` for the hole of `a.jpg`.

    Of several holes of an image they are `a_0`, `a_1` ...; where images differ in their suffix
    alone, it is kept.
    """
    images = {entry.image for entry in manifest.entries}
    stems = {image: os.path.splitext(image)[0] for image in images}
    repeated = {stem for stem, count in Counter(stems.values()).items() if count > 1}
    several = any(entry.index for entry in manifest.entries)
    names = []
    for entry in manifest.entries:
        stem = stems[entry.image]
        name = entry.image if stem in repeated else stem
        names.append(f"{name}_{entry.index}" if several else name)
    return names


@dataclass(frozen=True)
class Batch:
    """Images of one size with their holes.

    Attributes:
      names: of the holes, see `hole_names`.
      images: uint8 `[N, H, W, C]`.
      masks: bool `[N, H, W, 1]`, True in the hole.
    """

    names: Sequence[str]
    images: np.ndarray
    masks: np.ndarray

    def composite(self, predicted: np.ndarray) -> np.ndarray:
        """Returns the images with holes filled from `predicted`, uint8 `[N, H, W, C]`."""
        return np.where(self.masks, predicted, self.images)


class MethodGroup(Protocol):
    """Methods that are computed together.

    Attributes:
      names: of the methods.
      identity: equal for groups that predict the same.
      predicting: names of those whose predictions of known pixels are evaluated too.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def identity(self) -> str: ...

    @property
    def predicting(self) -> tuple[str, ...]: ...

    def predict(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """Returns name -> predicted images, uint8 `[N, H, W, C]`."""


@dataclass(frozen=True)
class ModelGroup:
    """A model, and its coarse stage alone."""

    model: EvaluatedModel
    names = (MODEL, COARSE)
    predicting = (MODEL,)

    @property
    def identity(self) -> str:
        return self.model.identity

    def predict(self, batch: Batch) -> Mapping[str, np.ndarray]:
        prediction = self.model.predict(batch.images, batch.masks)
        return {MODEL: prediction.refined, COARSE: prediction.coarse}


@dataclass(frozen=True)
class BaselineGroup:
    """One baseline."""

    baseline: Baseline
    predicting = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.baseline.name,)

    @property
    def identity(self) -> str:
        return self.baseline.identity

    def predict(self, batch: Batch) -> Mapping[str, np.ndarray]:
        return {self.baseline.name: self.baseline.complete(batch.images, batch.masks)}


class CompletedFolder:
    """Images that another program completed, named after their holes with any image's suffix.

    Args:
      folder: where they lie.
      sizes: height and width of the completed image of each hole, by name.
      channels: of the images, 1 or 3.

    Raises UserError if one is missing or has another size.
    """

    def __init__(self, folder: str, sizes: Mapping[str, tuple[int, int]], channels: int):
        path = Path(folder)
        if not path.is_dir():
            raise UserError(f"there is no folder of completed images {folder}")
        self._channels = channels
        self.names = self.predicting = (path.resolve().name,)
        files: dict[str, str] = {}
        for file in list_images(folder):
            name = os.path.splitext(os.path.relpath(file, path))[0]
            if name in files and name in sizes:
                raise UserError(f"{files[name]} and {file} are completed images of one hole")
            files[name] = file
        missing = [name for name in sizes if name not in files]
        if missing:
            raise UserError(
                f"{folder} lacks {len(missing)} of {len(sizes)} completed images: "
                f"{truncated_list(missing, 3)}"
            )
        self._files = {name: files[name] for name in sizes}
        for name, (height, width) in sizes.items():
            got = image_size(self._files[name])
            if got != (height, width):
                raise UserError(
                    f"{self._files[name]} is {got[1]} x {got[0]} (width x height), but the image "
                    f"is evaluated at {width} x {height}"
                )

    @property
    def identity(self) -> str:
        hashes = "".join(file_hash(path) for path in self._files.values())
        return f"completed {hashlib.sha256(hashes.encode()).hexdigest()}"

    def predict(self, batch: Batch) -> Mapping[str, np.ndarray]:
        images = [read_pixels(self._files[name], self._channels) for name in batch.names]
        return {self.names[0]: np.stack(images)}
