"""What completes images, whichever runtime computes: the base of `Inpainter` and `OnnxInpainter`.

| | one image | a batch |
|---|---|---|
| image | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |
| mask | `[H, W]` or `[H, W, 1]` | `[N, H, W]` or `[N, H, W, 1]`; N may be 1: one for all |
| sketch | as a mask | as masks |
| completed | uint8 `[H, W, C]` | uint8 `[N, H, W, C]` |

A mask is uint8, where above 127 (white) is the hole, or bool, where True is. A sketch is
uint8, where above 153 (0.6 * 255, as released) is an edge, or bool; only its part in the
hole counts, and it may be empty there. Of a mask with lower values alone, such as 0 and 1, a
warning says that it has no hole. H and W are any numbers from 16 on. Outside the
hole `completed` is the image, bit for bit; under the hole the image may hold anything. C is
`channels`: 3 for RGB, 1 for grey.
"""

import abc
import warnings
from collections.abc import Callable

import numpy as np

from deepfill_tf.data.thresholds import HOLE_THRESHOLD
from deepfill_tf.inference.eager_first import CallHistory
from deepfill_tf.inference.forecast import Forecast
from deepfill_tf.inference.hole_crops import MIN_SIDE
from deepfill_tf.inference.strategies import Strategy


class Completer(abc.ABC):
    """Completes images: `completer(image, mask)`, see this module's docstring."""

    # What the runtime raises where it fails.
    errors: tuple[type[Exception], ...] = ()
    # Whether `predict` is there.
    predicts_floats = True

    @property
    @abc.abstractmethod
    def channels(self) -> int:
        """Channels of the images: 3 for RGB, 1 for grey."""

    @property
    @abc.abstractmethod
    def guided(self) -> bool:
        """Whether a sketch is given with each image."""

    @property
    def uses_main_memory(self) -> bool:
        """Whether images are completed in the memory of the machine, not in an accelerator's."""
        return True

    @abc.abstractmethod
    def _complete(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Returns completed images, uint8 `[N, H, W, C]`.

        Args:
          inputs: `image` uint8 `[N, H, W, C]`, `mask` and for guided models `sketch` uint8
            `[N or 1, H, W, 1]`.
        """

    def _predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Returns what `predict` returns; of `inputs` `image` is float32."""
        raise NotImplementedError(f"{type(self).__name__} completes uint8 images only")

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

        Raises ValueError if the arguments do not fit each other or the model;
        NotImplementedError if `predicts_floats` is False.
        """
        return self._run(self._predict, images, masks, sketches, np.float32)

    def forecast(
        self,
        size: tuple[int, int],
        boxes: np.ndarray,
        strategy: Strategy,
        *,
        history: CallHistory | None = None,
        memory_before: float = 0,
    ) -> Forecast | None:
        """Returns time and memory of the completion of one image; None if they are not known.

        Args:
          size: height and width of the image.
          boxes: of the holes, int `[K, 4]`, see `boxes_of_holes`.
          strategy: how it is completed.
          history: of the calls so far, which make others faster; None: nothing is traced any more.
          memory_before: bytes that the process had before its first completion.
        """
        return None

    def _run(
        self,
        function: Callable[[dict[str, np.ndarray]], np.ndarray],
        images: np.ndarray,
        masks: np.ndarray,
        sketches: np.ndarray | None,
        dtype: type,
    ) -> np.ndarray:
        """Returns the result of a function on one image or a batch, after checks."""
        if self.guided != (sketches is not None):
            raise ValueError(
                "this model is guided: it takes image, mask and sketch"
                if self.guided
                else "this model is not guided: it takes image and mask, no sketch"
            )
        images = np.asarray(images)
        single = images.ndim == 3
        batch = images[None] if single else images
        self._check_images(batch, images, dtype)
        inputs = {"image": batch, "mask": _mask_batch("mask", np.asarray(masks), images)}
        _warn_of_dark_masks(inputs["mask"])
        if sketches is not None:
            inputs["sketch"] = _mask_batch("sketch", np.asarray(sketches), images)
        completed = function(inputs)
        return completed[0] if single else completed

    def _check_images(self, batch: np.ndarray, given: np.ndarray, dtype: type) -> None:
        channels = self.channels
        if batch.ndim != 4 or batch.shape[3] != channels or batch.dtype != dtype:
            raise ValueError(
                f"an image must be {np.dtype(dtype)} [H, W, {channels}] or [N, H, W, {channels}], "
                f"got {given.dtype} {list(given.shape)}"
            )
        if not len(batch):
            raise ValueError(f"a batch must have at least one image, got {list(given.shape)}")
        if min(batch.shape[1:3]) < MIN_SIDE:
            raise ValueError(
                f"an image must have at least {MIN_SIDE} rows and columns, got {list(given.shape)}"
            )


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


def _warn_of_dark_masks(masks: np.ndarray) -> None:
    """Warns of masks with values that are not 0, but none above the threshold."""
    highest = masks.max(axis=(1, 2, 3))
    for index in np.flatnonzero((highest > 0) & (highest <= HOLE_THRESHOLD)):
        which = f"mask {index} of the batch" if len(masks) > 1 else "the mask"
        warnings.warn(
            f"{which} has no hole: its highest value is {highest[index]}, and only those above "
            f"{HOLE_THRESHOLD} are the hole; pass one of values 0 and 1 as bool",
            stacklevel=4,
        )
