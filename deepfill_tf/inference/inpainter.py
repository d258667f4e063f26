"""High-level inference API: images with holes in, completed images out.

    inpainter = Inpainter.load("runs/celeba")
    completed = inpainter(image, mask)
    completed = inpainter(image, mask, sketch)     # where `inpainter.guided`

| | one image | a batch |
|---|---|---|
| image | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |
| mask | `[H, W]` or `[H, W, 1]` | `[N, H, W]` or `[N, H, W, 1]`; N may be 1: one for all |
| sketch | as a mask | as masks |
| completed | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |

A mask is uint8, where above 127 (white) is the hole, or bool, where True is. A sketch is
uint8, where above 153 (0.6 * 255, as released) is an edge, or bool; only its part in the
hole counts, and it may be empty there. H and W are any numbers from 16 on. Outside the
hole `completed` is the image, bit for bit; under the hole the image may hold anything. C is
`inpainter.channels`: 3 for RGB, 1 for grey. Time is in proportion to the area of the regions
around the holes, memory to that of the image.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion import (
    MIN_SIDE,
    composite_uint8,
    refined_uint8_masks,
    to_edges,
    to_floats,
    to_holes,
)
from deepfill_tf.inference.eager_first import EagerFirst
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.storage.loading import load_generator
from deepfill_tf.storage.model_files import is_model_directory, is_saved_model
from deepfill_tf.storage.run_directory import is_run_directory


class Inpainter:
    """Completes images: `inpainter(image, mask)`, see this module's docstring.

    Args:
      generator: a built generator. Its variables are not copied: it may be trained further.
      whole_image: compute whole images; False: only the regions around the holes, if the
        generator supports that (`generator.supports_regions`). The completed images agree
        to the rounding.

    Example:

    >>> import numpy as np
    >>> from deepfill_tf import Inpainter
    >>> from deepfill_tf.networks import GeneratorV2
    >>> from deepfill_tf.networks.architecture import build_model
    >>> inpainter = Inpainter(build_model(GeneratorV2(width=4, refinement=False)))
    >>> image = np.full([24, 32, 3], 200, np.uint8)
    >>> mask = np.zeros([24, 32], bool)
    >>> mask[8:16, 8:24] = True
    >>> completed = inpainter(image, mask)
    >>> completed.shape, completed.dtype
    ((24, 32, 3), dtype('uint8'))
    >>> bool((completed[~mask] == image[~mask]).all())
    True
    """

    _model: Any  # the SavedModel: a signature does not keep its variables
    _generator: keras.Model | None = None

    def __init__(self, generator: keras.Model, *, whole_image: bool = False):
        self._generator = generator
        complete = InpaintingModule(generator, whole_image=whole_image).serving_default
        self._complete: Callable[..., dict] = EagerFirst(complete)
        self._predict: Callable[..., dict] = EagerFirst(_predictor(generator, whole_image))
        self._channels = generator.channels
        self._guided = generator.guided

    @classmethod
    def load(
        cls, path: str | os.PathLike | None = None, *, whole_image: bool = False
    ) -> "Inpainter":
        """Loads a run directory, a model directory or any SavedModel with its signatures.

        Without a path it is the model that comes with the package.

        Of a model directory model.json and weights.safetensors are read, which are data. A
        SavedModel without a model.json is code, which runs here: load it only if you trust it.

        Raises UserError if `path` is none of them, or is damaged, or if the package has no model.
        """
        if path is None:
            return cls(load_generator(), whole_image=whole_image)
        if is_saved_model(path) and not is_model_directory(path) and not is_run_directory(path):
            return cls._from_saved_model(path, whole_image)
        return cls(load_generator(path), whole_image=whole_image)

    @property
    def generator(self) -> keras.Model | None:
        """The generator; None if a SavedModel's own program is run."""
        return self._generator

    @property
    def channels(self) -> int:
        """Channels of the images: 3 for RGB, 1 for grey."""
        return self._channels

    @property
    def guided(self) -> bool:
        """Whether a sketch is given with each image."""
        return self._guided

    @classmethod
    def _from_saved_model(cls, path: str | os.PathLike, whole_image: bool) -> "Inpainter":
        inpainter = cls.__new__(cls)
        try:
            inpainter._model = tf.saved_model.load(str(path))
            signatures = inpainter._model.signatures
            inputs = signatures["serving_default"].structured_input_signature[1]
            inpainter._channels = inputs["image"].shape[-1]
            inpainter._guided = "sketch" in inputs
            if set(inputs) - {"sketch"} != {"image", "mask"} or inputs["image"].dtype != tf.uint8:
                raise KeyError("image and mask, uint8")
            inpainter._predict = _raw_predictor(signatures["raw"])
            inpainter._complete = (
                _from_raw(signatures["raw"]) if whole_image else signatures["serving_default"]
            )
        except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
            raise UserError(f"{path} is not an inpainting SavedModel: {reason(error)}") from error
        return inpainter

    def __call__(
        self, images: np.ndarray, masks: np.ndarray, sketches: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns completed images; see this module's docstring for shapes and types.

        Raises ValueError if the arguments do not fit each other or the model.
        """
        return self._run(self._complete, images, masks, sketches, np.uint8)

    def predict(
        self, images: np.ndarray, masks: np.ndarray, sketches: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns the network's own floats, from which images of 16 bits are completed.

        Takes what a call takes, but for `images`, which are float32 in [-1, 1]. The result is
        float32 in about [-1, 1], has the images' shape, and is valid in the hole only.

        Raises ValueError if the arguments do not fit each other or the model.
        """
        return self._run(self._predict, images, masks, sketches, np.float32)

    def _run(
        self,
        function: Callable[..., dict],
        images: np.ndarray,
        masks: np.ndarray,
        sketches: np.ndarray | None,
        dtype: type,
    ) -> np.ndarray:
        """Returns `completed` of a function on one image or a batch, after checks."""
        if self._guided != (sketches is not None):
            raise ValueError(
                "this model is guided: it takes image, mask and sketch"
                if self._guided
                else "this model is not guided: it takes image and mask, no sketch"
            )
        images = np.asarray(images)
        single = images.ndim == 3
        batch = images[None] if single else images
        self._check_images(batch, images, dtype)
        inputs = {"image": batch, "mask": _mask_batch("mask", np.asarray(masks), images)}
        if sketches is not None:
            inputs["sketch"] = _mask_batch("sketch", np.asarray(sketches), images)
        completed = function(**{name: tf.constant(value) for name, value in inputs.items()})
        completed = completed["completed"].numpy()
        return completed[0] if single else completed

    def _check_images(self, batch: np.ndarray, given: np.ndarray, dtype: type) -> None:
        channels = self._channels
        if batch.ndim != 4 or batch.shape[3] != channels or batch.dtype != dtype:
            raise ValueError(
                f"an image must be {np.dtype(dtype)} [H, W, {channels}] or [N, H, W, {channels}], "
                f"got {given.dtype} {list(given.shape)}"
            )
        if min(batch.shape[1:3]) < MIN_SIDE or not len(batch):
            raise ValueError(
                f"an image must have at least {MIN_SIDE} rows and columns, got {list(given.shape)}"
            )


def _predictor(generator: keras.Model, whole_image: bool) -> Callable[..., dict]:
    """Returns a function of float32 images and uint8 masks, compiled on its first call."""

    @tf.function(autograph=False, reduce_retracing=True)
    def predict(image, mask, sketch=None):
        refined = refined_uint8_masks(generator, image, mask, sketch, whole_image=whole_image)
        return {"completed": refined}

    return predict


def _raw_predictor(raw: Callable[..., dict]) -> Callable[..., dict]:
    """Returns what `_predictor` does, made of a SavedModel's `raw`, which computes whole images."""

    def predict(image, mask, **sketch):
        marks = {name: to_edges(value) for name, value in sketch.items()} | {"mask": to_holes(mask)}
        marks = {name: tf.cast(value, tf.float32) for name, value in marks.items()}
        return {"completed": raw(image=image, **marks)["refined"]}

    return predict


def _from_raw(raw: Callable[..., dict]) -> Callable[..., dict]:
    """Returns a SavedModel's `serving_default` made of its `raw`, which computes whole images."""

    predict = _raw_predictor(raw)

    def complete(image, mask, **sketch):
        refined = predict(to_floats(image), mask, **sketch)["completed"]
        return {"completed": composite_uint8(refined, image, to_holes(mask))}

    return complete


def _mask_batch(name: str, masks: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Returns masks, or sketches, as uint8 `[N, H, W, 1]` or `[1, H, W, 1]`."""
    if masks.dtype == bool:
        masks = masks.astype(np.uint8) * 255
    if masks.dtype != np.uint8:
        raise ValueError(
            f"a {name} must be uint8 (white is marked) or bool (True is marked), got {masks.dtype}"
        )
    *batch, height, width, _ = images.shape
    fitting = {(*n, height, width, *one) for n in (batch, [1] * len(batch)) for one in ([], [1])}
    if masks.shape not in fitting:
        raise ValueError(
            f"the {name}'s shape {list(masks.shape)} does not fit the image's {list(images.shape)}"
        )
    return masks.reshape([masks.shape[0] if batch else 1, height, width, 1])
