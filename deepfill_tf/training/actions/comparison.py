"""One training image, completed by the exported model."""

import logging
import os

import numpy as np
import tensorflow as tf

from deepfill_tf.data import write_image
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import completion_metrics, mean_fill
from deepfill_tf.inference import Inpainter, run_directory
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class CompareCompletion(Action):
    """Writes original | masked | completed to `completed.png` in the run directory.

    Holes are white there, and sketches in them black.
    It uses the exported model, so it comes after `ExportModel`, and logs by how much
    the completion beats the mean colour of the known pixels.

    Args:
      example_index: which of the training images, counted in the list's order.
      upscale: how many times each pixel is repeated in the written image.
    """

    def __init__(self, *, example_index: int = 0, upscale: int = 1):
        if not isinstance(upscale, int) or upscale < 1:
            raise ValueError(
                f"CompareCompletion.upscale must be a positive integer, got {upscale!r}"
            )
        self._example_index = example_index
        self._upscale = upscale

    def on_train_begin(self, context: TrainingContext) -> None:
        count = len(context.data.paths)
        if not isinstance(self._example_index, int) or not 0 <= self._example_index < count:
            raise UserError(
                f"CompareCompletion.example_index must be in [0, {count}), got {self._example_index!r}"
            )

    def on_train_end(self, context: TrainingContext) -> None:
        if context.pretrain_coarse:
            return
        example = context.data.training_example(self._example_index, context.seed)
        image, mask = example["image"], example["mask"]
        original = _to_uint8(image)
        hole = (np.asarray(mask) * 255).astype(np.uint8)
        sketch = {}
        masked = np.where(hole > 127, 255, original).astype(np.uint8)
        if "sketch" in example:
            sketch = {"sketches": (np.asarray(example["sketch"]) * 255).astype(np.uint8)}
            drawn = (sketch["sketches"] > 0) & (hole > 127)
            masked = np.where(drawn, 0, masked).astype(np.uint8)
        inpainter = Inpainter.load(os.path.join(context.run_dir, run_directory.MODEL))
        completed = inpainter(original, hole, **sketch)

        path = os.path.join(context.run_dir, "completed.png")
        panels = np.concatenate([original, masked, completed], axis=2)[0]
        write_image(path, panels.repeat(self._upscale, axis=0).repeat(self._upscale, axis=1))
        ours, filled = (
            float(completion_metrics(prediction, image, mask)["psnr_in_hole"])
            for prediction in (
                tf.cast(completed, tf.float32) / 127.5 - 1,
                mean_fill(image, mask),
            )
        )
        LOG.info(
            "wrote %s: PSNR in the hole is %.2f dB, %.2f dB for mean fill: %+.2f dB",
            path,
            ours,
            filled,
            ours - filled,
        )


def _to_uint8(image) -> np.ndarray:
    return np.rint((np.asarray(image) + 1) * 127.5).astype(np.uint8)
