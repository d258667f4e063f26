"""High-level inference API: images with holes in, completed images out.

    inpainter = Inpainter.load("runs/celeba")
    completed = inpainter(image, mask)
    completed = inpainter(image, mask, sketch)     # where `inpainter.guided`

Shapes and types are those of `Completer`. Time is in proportion to the area of the regions around
the holes, memory to that of the image.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completer import Completer
from deepfill_tf.inference.completion import (
    composite_uint8,
    refined_uint8_masks,
    to_edges,
    to_floats,
    to_holes,
)
from deepfill_tf.inference.eager_first import CallHistory, EagerFirst
from deepfill_tf.inference.forecast import Forecast
from deepfill_tf.inference.generator_forecast import forecast_of_generator
from deepfill_tf.inference.onnx_inpainter import is_onnx_path
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.inference.strategies import Strategy
from deepfill_tf.storage.loading import load_generator
from deepfill_tf.storage.model_files import is_model_directory, is_saved_model
from deepfill_tf.storage.run_directory import is_run_directory


class Inpainter(Completer):
    """Completes images with TensorFlow: `inpainter(image, mask)`, see this module's docstring.

    Args:
      generator: a built generator. Its variables are not copied: it may be trained further.
      whole_image: compute whole images; False: only the regions around the holes, if the
        generator supports that (`generator.supports_regions`). The completed images agree
        to the rounding, but for details that are copied from patches that fit equally well.

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

    errors = (tf.errors.OpError,)

    _model: Any  # the SavedModel: a signature does not keep its variables
    _generator: keras.Model | None = None

    def __init__(self, generator: keras.Model, *, whole_image: bool = False):
        self._generator, self._whole_image = generator, whole_image
        complete = InpaintingModule(generator, whole_image=whole_image).serving_default
        self._complete_function: Callable[..., dict] = EagerFirst(complete)
        self._predict_function: Callable[..., dict] = EagerFirst(_predictor(generator, whole_image))
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
        if is_onnx_path(path):
            raise UserError(f"{path} is an ONNX file: OnnxInpainter({str(path)!r}) loads it")
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
            inpainter._predict_function = _raw_predictor(signatures["raw"])
            inpainter._complete_function = (
                _from_raw(signatures["raw"]) if whole_image else signatures["serving_default"]
            )
        except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
            raise UserError(f"{path} is not an inpainting SavedModel: {reason(error)}") from error
        return inpainter

    def forecast(
        self,
        size: tuple[int, int],
        boxes: np.ndarray,
        strategy: Strategy,
        *,
        history: CallHistory | None = None,
        memory_before: float = 0,
    ) -> Forecast | None:
        if self._generator is None:
            return None
        return forecast_of_generator(
            self._generator,
            size,
            boxes,
            strategy,
            whole_image=self._whole_image,
            history=history,
            memory_before=memory_before,
        )

    @property
    def uses_main_memory(self) -> bool:
        # Accelerators have their own memory, and TensorFlow says where it does not suffice.
        return not tf.config.list_physical_devices("GPU")

    def _complete(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return _computed(self._complete_function, inputs)

    def _predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return _computed(self._predict_function, inputs)


def _computed(function: Callable[..., dict], inputs: dict[str, np.ndarray]) -> np.ndarray:
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    return function(**tensors)["completed"].numpy()


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
