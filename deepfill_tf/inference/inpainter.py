"""The product's face: pictures with holes in, completed pictures out.

    inpainter = Inpainter.load("runs/celeba")
    completed = inpainter(picture, mask)
    completed = inpainter(picture, mask, sketch)     # where `inpainter.guided`

| | one picture | a batch |
|---|---|---|
| picture | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |
| mask | `[H, W]` or `[H, W, 1]` | `[N, H, W]` or `[N, H, W, 1]`; N may be 1: one for all |
| sketch | as a mask | as masks |
| completed | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |

A mask is uint8, where above 127 (white) is the hole, or bool, where True is. A sketch is
uint8, where above 153 (0.6 * 255, as released) is an edge, or bool; only its part in the
hole counts, and nothing drawn there is a sketch too. Any
height and width of at least 16, up to what `largest_scores` allows. Outside the hole
`completed` is the picture, bit for bit; under the hole the picture may hold anything.
C is `inpainter.channels`: 3 for RGB, 1 for grey.
"""

import math
import os

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.inference.loading import is_saved_model, load_generator
from deepfill_tf.inference.model_directory import is_model_directory
from deepfill_tf.inference.run_directory import is_run_directory
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.networks.architecture import MULTIPLE, smallest_size

SMALLEST_SIDE = 16
# Bytes. The attention compares all cells of 8 x 8 pixels with each other and holds several
# such float32 matrices at once; much beyond this the kernel kills the process.
LARGEST_SCORES = 8 * 2**30


class Inpainter:
    """Completes pictures: `inpainter(picture, mask)`, see this module's docstring."""

    def __init__(self, generator: keras.Model, *, largest_scores: int = LARGEST_SCORES):
        """Takes a built generator. It may go on learning: its variables are not copied.

        Pictures whose attention has a score matrix of more than `largest_scores` bytes,
        `4 (H W / 64)^2` for each picture of a batch, are refused.
        """
        self._model = InpaintingModule(generator)
        self._complete = self._model.serving_default
        self._channels = generator.get_config()["channels"]
        self._guided = generator.get_config()["guided"]
        self._smallest_size = smallest_size(generator)
        self._largest_scores = largest_scores

    @classmethod
    def load(cls, path: str | os.PathLike, *, largest_scores: int = LARGEST_SCORES) -> "Inpainter":
        """From a run directory, a model directory or any SavedModel with its signature.

        Raises UserError where `path` is none of them, or is damaged.
        """
        if is_saved_model(path) and not is_model_directory(path) and not is_run_directory(path):
            return cls._from_saved_model(path, largest_scores)
        return cls(load_generator(path), largest_scores=largest_scores)

    @property
    def channels(self) -> int:
        """Channels of the pictures: 3 for RGB, 1 for grey."""
        return self._channels

    @property
    def guided(self) -> bool:
        """Whether a sketch is given with each picture."""
        return self._guided

    @classmethod
    def _from_saved_model(cls, path: str | os.PathLike, largest_scores: int) -> "Inpainter":
        inpainter = cls.__new__(cls)
        inpainter._smallest_size = MULTIPLE
        inpainter._largest_scores = largest_scores
        try:
            inpainter._model = tf.saved_model.load(str(path))
            inpainter._complete = inpainter._model.signatures["serving_default"]
            inputs = inpainter._complete.structured_input_signature[1]
            inpainter._channels = inputs["image"].shape[-1]
            inpainter._guided = "sketch" in inputs
            if set(inputs) - {"sketch"} != {"image", "mask"} or inputs["image"].dtype != tf.uint8:
                raise KeyError("image and mask, uint8")
        except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
            raise UserError(
                f"{path} is a SavedModel, but not one that completes pictures: {error}"
            ) from error
        return inpainter

    def __call__(
        self, pictures: np.ndarray, masks: np.ndarray, sketches: np.ndarray | None = None
    ) -> np.ndarray:
        """Raises ValueError where these do not fit each other or the picture is too large."""
        if self._guided != (sketches is not None):
            raise ValueError(
                "this model is guided: it takes picture, mask and sketch"
                if self._guided
                else "this model is not guided: it takes picture and mask, no sketch"
            )
        pictures = np.asarray(pictures)
        single = pictures.ndim == 3
        images = pictures[None] if single else pictures
        self._check_pictures(images, pictures)
        inputs = {"image": images, "mask": _mask_batch("mask", np.asarray(masks), pictures)}
        if sketches is not None:
            inputs["sketch"] = _mask_batch("sketch", np.asarray(sketches), pictures)
        self._check_scores(pictures)
        completed = self._complete(**{name: tf.constant(value) for name, value in inputs.items()})
        completed = completed["completed"].numpy()
        return completed[0] if single else completed

    def _check_pictures(self, images: np.ndarray, given: np.ndarray) -> None:
        channels = self._channels
        if images.ndim != 4 or images.shape[3] != channels or images.dtype != np.uint8:
            raise ValueError(
                f"a picture must be uint8 [H, W, {channels}] or [N, H, W, {channels}], "
                f"got {given.dtype} {list(given.shape)}"
            )
        if min(images.shape[1:3]) < SMALLEST_SIDE or not len(images):
            raise ValueError(
                f"a picture must have at least {SMALLEST_SIDE} rows and columns, "
                f"got {list(given.shape)}"
            )

    def _check_scores(self, pictures: np.ndarray) -> None:
        *batch, height, width, _ = pictures.shape
        padded = (max(-(-n // MULTIPLE) * MULTIPLE, self._smallest_size) for n in (height, width))
        cells = math.prod(padded) // MULTIPLE**2
        scores = 4 * cells**2 * math.prod(batch)
        if scores > self._largest_scores:
            raise ValueError(
                f"{list(pictures.shape)} is too large: one score matrix of the attention takes "
                f"{scores} bytes, more than largest_scores={self._largest_scores}; "
                "make the picture smaller or cut it"
            )


def _mask_batch(name: str, masks: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Masks, or sketches, as uint8 `[N, H, W, 1]` or `[1, H, W, 1]`."""
    if masks.dtype == bool:
        masks = masks.astype(np.uint8) * 255
    if masks.dtype != np.uint8:
        raise ValueError(
            f"a {name} must be uint8 (white marks the place) or bool (True does), got {masks.dtype}"
        )
    *batch, height, width, _ = pictures.shape
    fitting = {(*n, height, width, *one) for n in (batch, [1] * len(batch)) for one in ([], [1])}
    if masks.shape not in fitting:
        raise ValueError(
            f"the {name}'s shape {list(masks.shape)} does not fit the picture's "
            f"{list(pictures.shape)}"
        )
    return masks.reshape([masks.shape[0] if batch else 1, height, width, 1])
