"""One training picture, completed by the exported model."""

import logging
import os

import numpy as np
import tensorflow as tf

from deepfill_tf.data import write_picture
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import completion_metrics, mean_fill
from deepfill_tf.inference import Inpainter, run_directory
from deepfill_tf.training.actions.action import Action
from deepfill_tf.training.session import Session

LOG = logging.getLogger(__name__)


class CompareCompletion(Action):
    """Writes original | masked | completed to `completed.png` in the run directory.

    Holes are white there, and sketches in them black.
    It uses the exported model, so it comes after `ExportModel`, and logs by how much
    the completion beats the mean colour of the known pixels.

    Args:
      picture: which of the training pictures, counted in the list's order.
      enlarge: how many times each pixel is repeated in the written picture.
    """

    def __init__(self, *, picture: int = 0, enlarge: int = 1):
        if not isinstance(enlarge, int) or enlarge < 1:
            raise ValueError(
                f"CompareCompletion.enlarge must be a positive integer, got {enlarge!r}"
            )
        self._picture = picture
        self._enlarge = enlarge

    def begin(self, session: Session) -> None:
        count = len(session.data.paths)
        if not isinstance(self._picture, int) or not 0 <= self._picture < count:
            raise UserError(
                f"CompareCompletion.picture must be in [0, {count}), got {self._picture!r}"
            )

    def finish(self, session: Session) -> None:
        if session.pretrain_coarse:
            return
        example = session.data.training_example(self._picture, session.seed)
        image, mask = example["image"], example["mask"]
        original = _to_uint8(image)
        hole = (np.asarray(mask) * 255).astype(np.uint8)
        sketch = {}
        masked = np.where(hole > 127, 255, original).astype(np.uint8)
        if "sketch" in example:
            sketch = {"sketches": (np.asarray(example["sketch"]) * 255).astype(np.uint8)}
            drawn = (sketch["sketches"] > 0) & (hole > 127)
            masked = np.where(drawn, 0, masked).astype(np.uint8)
        inpainter = Inpainter.load(os.path.join(session.run_dir, run_directory.MODEL))
        completed = inpainter(original, hole, **sketch)

        path = os.path.join(session.run_dir, "completed.png")
        panels = np.concatenate([original, masked, completed], axis=2)[0]
        write_picture(path, panels.repeat(self._enlarge, axis=0).repeat(self._enlarge, axis=1))
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
