"""Comparison of a completed training image with its original."""

import logging
import os

import numpy as np

from deepfill_tf.checks import check_int, check_positive_int
from deepfill_tf.data.image_files import write_image
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import image_metrics, mean_fill
from deepfill_tf.inference.comparison import comparison_panels
from deepfill_tf.inference.inpainter import Inpainter
from deepfill_tf.storage import run_directory
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.training_context import TrainingContext

LOG = logging.getLogger(__name__)


class CompareCompletion(Action):
    """Writes original | masked | completed to `completed.png` in the run directory.

    Holes are white there, and sketches in them black. It uses the exported model, so that it must
    come after `ExportModel` in the list of actions. It also logs the PSNR in the hole, and that of
    filling the hole with the mean colour of the known pixels.

    Args:
      example_index: index of the training image in the list of images.
      upscale: integer factor by which the written image is larger.
    """

    def __init__(self, *, example_index: int = 0, upscale: int = 1):
        self._example_index = check_int("CompareCompletion.example_index", example_index, 0)
        self._upscale = check_positive_int("CompareCompletion.upscale", upscale)

    def on_train_begin(self, context: TrainingContext) -> None:
        count = len(context.data.paths)
        if self._example_index >= count:
            raise UserError(
                f"CompareCompletion.example_index must be in [0, {count}), got "
                f"{self._example_index}"
            )

    def on_train_end(self, context: TrainingContext) -> None:
        if context.pretrain_coarse:
            return
        example = context.data.training_example(self._example_index, context.seed)
        image, mask = example["image"], example["mask"]
        original = _to_uint8(image)
        hole = (np.asarray(mask) * 255).astype(np.uint8)
        sketch = {}
        if "sketch" in example:
            sketch = {"sketches": (np.asarray(example["sketch"]) * 255).astype(np.uint8)}
        inpainter = Inpainter.load(os.path.join(context.run_dir, run_directory.MODEL))
        completed = inpainter(original, hole, **sketch)

        path = os.path.join(context.run_dir, run_directory.COMPLETED)
        panels = comparison_panels(original, hole, completed, **sketch)[0]
        write_image(path, panels.repeat(self._upscale, axis=0).repeat(self._upscale, axis=1))
        filled = _to_uint8(mean_fill(image, mask))
        psnr, baseline_psnr = (
            image_metrics(original[0], other[0], hole[0])["psnr_in_hole"]
            for other in (completed, filled)
        )
        LOG.info(
            "wrote %s; PSNR in the hole: %.2f dB (mean fill: %.2f dB, difference %+.2f dB)",
            path,
            psnr,
            baseline_psnr,
            psnr - baseline_psnr,
        )


def _to_uint8(image) -> np.ndarray:
    return np.rint((np.asarray(image) + 1) * 127.5).astype(np.uint8)
